// A grid of tiles, one a unit. Each is a true link, so it can be opened in a new tab; a plain click stays in the page.
// Names come from the store: they are only ever set as text.

// A click on a picture opens the unit; the corner that shows under the pointer opens the image.
function picture({ source, href, path }, setTriggerValue) {
  const frame = document.createElement("span");
  const image = document.createElement("img");
  image.src = source;
  image.alt = path;
  const corner = document.createElement("span");
  corner.className = "corner";
  corner.textContent = "↗";
  corner.title = `Look at this image: ${path}`;
  corner.setAttribute("role", "link");
  corner.addEventListener("click", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.metaKey || event.ctrlKey || event.shiftKey) window.open(href);
    else setTriggerValue("go", href);
  });
  frame.append(image, corner);
  return frame;
}

function words(kind, text) {
  const line = document.createElement("span");
  line.className = kind;
  line.textContent = text;
  return line;
}

function said(kind, { verb, text }) {
  const line = words(`line ${kind}`, text);
  line.title = verb ? `${verb} ${text}` : text;
  if (verb) line.prepend(words("verb", verb));
  return line;
}

function tile(unit, setTriggerValue) {
  const link = document.createElement("a");
  link.href = unit.href;
  link.className = unit.dead ? "tile dead" : "tile";
  link.title = unit.hint;
  const pictures = document.createElement("div");
  pictures.className = "pictures";
  pictures.append(...unit.pictures.map((one) => picture(one, setTriggerValue)));
  if (unit.reason) link.append(words("reason", unit.reason));
  link.append(pictures, words("unit", unit.name), words("value", unit.value));
  link.append(...unit.drive.map((line) => said("drive", line)));
  if (unit.verdict.text) link.append(said(unit.verdict.told ? "verdict told" : "verdict untold", unit.verdict));
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    setTriggerValue("pick", unit.target);
  });
  return link;
}

// Pictures that are much wider than high stand below each other, much higher ones side by side, others two by two.
function across(aspect) {
  return aspect >= 2 ? 1 : aspect <= 0.5 ? 4 : 2;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".grid");
  const columns = across(data.aspect);
  grid.style.setProperty("--aspect", data.aspect);
  // Up to eight tiles fill one or two rows of four: six and then two look like a mistake.
  grid.style.setProperty("--least", data.tiles.length > 8 ? "0px" : "calc((100% - 2.7rem) / 4)");
  grid.style.setProperty("--across", columns);
  grid.style.setProperty("--tile", (data.aspect * columns * columns) / 4);
  grid.replaceChildren(...data.tiles.map((unit) => tile(unit, setTriggerValue)));
}
