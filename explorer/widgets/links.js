// Links in the page's HTML, followed without loading the app anew. Each is a true link, so it can be opened in a new tab.

// Where the server opens another page, Streamlit writes two entries into the browser's history: the old page with the new
// parameters, then the new page. The second replaces the first unless the reader acted in between, so one step back is enough.
function keepOneEntryAPage() {
  if (history.pushState.keepsOne) return;
  const push = history.pushState.bind(history);
  let half = false;
  const whole = () => (half = false);
  for (const kind of ["pointerdown", "keydown", "popstate"]) window.addEventListener(kind, whole, true);
  history.pushState = (state, title, address) => {
    const to = new URL(address, location.href);
    const opens = to.pathname !== location.pathname;
    if (half && opens && to.search === location.search) history.replaceState(state, title, address);
    else push(state, title, address);
    half = !opens;
  };
  history.pushState.keepsOne = true;
}

// Streamlit's own link to the page that is open shows what it asks for, but leaves the address as it was: whatever the reader
// does next would ask for the old one again. So such a link is followed here, before Streamlit sees the click.
const leadsHere = (link) => link.matches("[data-testid=stPageLink-NavLink]") && link.pathname === location.pathname;

export default function ({ parentElement, setTriggerValue }) {
  keepOneEntryAPage();
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
