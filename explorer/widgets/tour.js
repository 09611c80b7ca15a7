// What a first visitor is told. The browser remembers the answer, so it is asked once.

const ASKED = "unitscope-welcomed";

function asked() {
  try {
    return localStorage.getItem(ASKED) !== null;
  } catch {
    return false; // storage is blocked: the session remembers
  }
}

function remember() {
  try {
    localStorage.setItem(ASKED, "yes");
  } catch {
    // The session does.
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".us-welcome");
  if (asked()) return place.replaceChildren();
  const said = document.createElement("p");
  said.textContent = data.sentences.join(" ");
  const buttons = [
    ["Take the tour", "take"],
    ["No, thanks", "no"],
  ].map(([words, answer]) => {
    const button = document.createElement("button");
    button.textContent = words;
    button.addEventListener("click", () => {
      remember();
      place.replaceChildren();
      setTriggerValue("answer", answer);
    });
    return button;
  });
  place.replaceChildren(said, ...buttons);
}
