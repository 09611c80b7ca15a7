// The key "?" opens the help, unless it is typed into a field.

export default function ({ data, parentElement }) {
  const press = (event) => {
    if (!parentElement.isConnected) return document.removeEventListener("keydown", press);
    const inside = event.composedPath()[0];
    const typed = inside instanceof HTMLElement && (inside.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(inside.tagName));
    if (event.key === "?" && !typed) document.querySelector(`.st-key-${data.opens} button`)?.click();
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}
