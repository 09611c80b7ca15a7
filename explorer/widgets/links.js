// Links in the page's HTML, followed without loading the app anew. Each is a true link, so it can be opened in a new tab.

export default function ({ parentElement, setTriggerValue }) {
  const follow = (event) => {
    if (!parentElement.isConnected) return document.removeEventListener("click", follow);
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    const link = event.target instanceof Element ? event.target.closest("a.us-to") : null;
    if (!link) return;
    event.preventDefault();
    setTriggerValue("go", link.getAttribute("href"));
  };
  document.addEventListener("click", follow);
  return () => document.removeEventListener("click", follow);
}
