// A label by keys alone. Names come from people: they are only ever set as text.
//
// As long as nothing is typed, digits choose among recent labels and arrows step; then they belong to the text.
// After an answer the field waits for the next unit: a key pressed before that is on the screen must not name it.

const PATIENCE = 4000; // ms after which an answer that brought no new unit may be given again
const CONFIDENCE = { plain: "fair", Shift: "sure", Control: "guess" };

function editable(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export default function ({ data, parentElement, setTriggerValue }) {
  const field = parentElement.querySelector("input");
  const list = parentElement.querySelector("ol");
  const hint = parentElement.querySelector("p");
  // The page may call this again without a new unit, and without having ended the call before: what is typed stays.
  const state = (field.state ??= {});

  const begin = () => {
    clearTimeout(state.timer);
    Object.assign(state, { page: `${data.unit} ${data.turn}`, waits: false, typed: false });
    field.maxLength = data.most;
    field.value = data.text;
    field.readOnly = false;
    field.focus({ preventScroll: true });
    field.select();
  };

  const wait = (name, value) => {
    state.waits = field.readOnly = true;
    setTriggerValue(name, value);
    state.timer = setTimeout(() => {
      state.waits = field.readOnly = false;
    }, PATIENCE);
  };

  const choose = (place) => {
    if (place >= data.recent.length) return false;
    field.value = data.recent[place];
    field.select();
    return true;
  };

  const press = (event) => {
    // The page's own keys are letters too.
    event.stopPropagation();
    if (state.waits || event.isComposing) return event.key === "Tab" ? undefined : event.preventDefault();
    if (event.key === "Enter") {
      event.preventDefault();
      const held = event.shiftKey ? "Shift" : event.ctrlKey || event.metaKey ? "Control" : "plain";
      // A label that is kept as it was keeps how sure its rater was.
      const same = held === "plain" && data.confidence && field.value === data.text;
      wait("said", { unit: data.unit, text: field.value, confidence: same ? data.confidence : CONFIDENCE[held] });
    } else if (event.key === "Escape") {
      begin();
    } else if (!state.typed && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (/^[1-9]$/.test(event.key)) {
        if (choose(Number(event.key) - 1)) event.preventDefault();
      } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
        event.preventDefault();
        wait("step", { unit: data.unit, by: event.key === "ArrowLeft" ? -1 : 1 });
      }
    }
  };

  // A key that is pressed elsewhere on the page is meant for the field.
  const elsewhere = (event) => {
    if (!parentElement.isConnected) return document.removeEventListener("keydown", elsewhere);
    const inside = event.composedPath()[0];
    if (editable(inside) || inside instanceof HTMLButtonElement || inside instanceof HTMLAnchorElement) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "?" || event.key === "Tab") return;
    field.focus({ preventScroll: true });
    press(event);
    if (event.defaultPrevented || state.waits || event.key.length !== 1) return;
    event.preventDefault();
    field.value = state.typed ? field.value + event.key : event.key;
    state.typed = true;
  };

  list.replaceChildren(
    ...data.recent.map((text, place) => {
      const item = document.createElement("li");
      const digit = document.createElement("kbd");
      digit.textContent = place + 1;
      item.append(digit, ` ${text}`);
      item.addEventListener("click", () => {
        choose(place);
        field.focus();
      });
      return item;
    }),
  );
  hint.textContent = data.recent.length
    ? "A digit takes one of your recent labels, Enter keeps it and goes on."
    : "Enter keeps what you write and goes on. Your recent labels will stand here, each with a digit.";

  field.onkeydown = press;
  field.oninput = () => {
    state.typed = field.value !== data.text && field.value !== "";
  };
  if (state.page !== `${data.unit} ${data.turn}`) begin();
  document.removeEventListener("keydown", state.elsewhere, true);
  state.elsewhere = elsewhere;
  document.addEventListener("keydown", elsewhere, true);
  return () => document.removeEventListener("keydown", elsewhere, true);
}
