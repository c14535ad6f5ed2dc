// Asks for a new look at a city's cinemas, tells how it goes, and shows the new programme.
// Every word comes from the page, which knows the visitor's language.
"use strict";

const said = document.getElementById("said");
let waiting = false;

const form = () => document.querySelector("form[data-look]");
const say = (words) => { if (said.textContent !== words) said.textContent = words; };
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function progress(words, { step, done, of }) {
  const counted = Number.isInteger(done) && Number.isInteger(of) && done > 0;
  const count = counted ? words.count.replace("{done}", done).replace("{of}", of) : "";
  const doing = ["searching", "reading", "extracting", "checking"].includes(step) ? words[step] : words.begun;
  return count ? `${doing}: ${count}` : `${doing}…`;
}

function busy(on) {
  waiting = on;
  said.classList.toggle("busy", on);
  const button = form()?.querySelector("button");
  if (button) button.disabled = on;
}

function trouble(words, code) {
  if (code === 429) return words.busy;
  return code === 503 ? words.away : words.lost;
}

// The site's own sentence tells more than its status; a server before it may have answered instead.
async function refusal(words, answer) {
  const { detail } = await answer.json().catch(() => ({}));
  return detail || trouble(words, answer.status);
}

async function renew() {
  const answer = await fetch(location.href, { cache: "reload", headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(answer.status);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("programme");
  const old = document.getElementById("programme");
  const focused = old.contains(document.activeElement);
  old.replaceWith(document.adoptNode(fresh));
  if (focused) {
    fresh.tabIndex = -1;
    fresh.focus({ preventScroll: true });
  }
}

async function wait(words) {
  let failures = 0;
  for (;;) {
    let status;
    try {
      const answer = await fetch(words.status, { headers: { Accept: "application/json" } });
      if (answer.status === 429 || answer.status === 503) {
        const later = Number(answer.headers.get("Retry-After")) || 0;
        if (++failures > 5) return say(trouble(words, answer.status));
        await pause(Math.min(Math.max(later, Number(words.every)), 60));
        continue;
      }
      if (!answer.ok) throw new Error(answer.status);
      status = await answer.json();
      failures = 0;
    } catch {
      if (++failures > 5) return say(words.lost);
      await pause(Number(words.every));
      continue;
    }
    if (status.status !== "processing") {
      await renew();
      return say(status.status === "fresh" ? words.done : words.nothing);
    }
    say(progress(words, status.progress ?? {}));
    await pause(Number(words.every));
  }
}

async function look(words, ask) {
  if (waiting) return;
  busy(true);
  say(`${words.begun}…`);
  try {
    const answer = ask ? await ask() : { ok: true };
    if (answer.ok) await wait(words);
    else say(await refusal(words, answer));
  } catch {
    say(words.lost);
  } finally {
    busy(false);
  }
}

document.addEventListener("submit", (event) => {
  const asked = event.target.closest("form[data-look]");
  if (!asked) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(asked));
  const headers = { Accept: "application/json" };
  look({ ...asked.dataset }, () => fetch(asked.action, { method: "POST", body, headers }));
});

if (form()?.dataset.look === "processing") look({ ...form().dataset }, null);
