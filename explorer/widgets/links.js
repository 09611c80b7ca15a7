// Links in the page's HTML, followed without loading the app anew. Each is a true link, so it can be opened in a new tab.

// One act of the reader makes one entry in the browser's history. Streamlit may write two: where the server opens another page,
// the old page with the new parameters and then the new page; where the reader clicks while the server is still at work, what the
// page showed before and then what was asked for. The second entry replaces the first unless the reader acted in between.
function keepOneEntryAnAct() {
  if (history.pushState.keepsOne) return;
  const push = history.pushState.bind(history);
  let acted = true;
  const act = () => (acted = true);
  for (const kind of ["pointerdown", "keydown", "click", "popstate"]) window.addEventListener(kind, act, true);
  history.pushState = (state, title, address) => {
    if (acted) push(state, title, address);
    else history.replaceState(state, title, address);
    acted = false;
  };
  history.pushState.keepsOne = true;
}

// Streamlit's own link to the page that is open shows what it asks for, but leaves the address as it was: whatever the reader
// does next would ask for the old one again. So such a link is followed here, before Streamlit sees the click.
const leadsHere = (link) => link.matches("[data-testid=stPageLink-NavLink]") && link.pathname === location.pathname;

export default function ({ parentElement, setTriggerValue }) {
  keepOneEntryAnAct();
  const follow = (event) => {
    if (!parentElement.isConnected) return document.removeEventListener("click", follow, true);
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || !(link.matches(".us-to") || leadsHere(link))) return;
    event.preventDefault();
    if (!link.matches(".us-to")) event.stopPropagation();
    setTriggerValue("go", link.getAttribute("href"));
  };
  document.addEventListener("click", follow, true);
  return () => document.removeEventListener("click", follow, true);
}
