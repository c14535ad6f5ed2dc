// What a visitor's page does: it asks its site in many loops at once, and writes down each answer.
({ name, quick, slow, forms, pause, slowSeconds, formBytes, patience }) => {
  const rows = [];
  const protocols = {};
  let going = true;

  const note = (entries) => {
    for (const entry of entries.filter((each) => each.responseStatus)) {
      protocols[entry.nextHopProtocol] = (protocols[entry.nextHopProtocol] ?? 0) + 1;
    }
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ type: "resource" });

  const rest = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

  const ask = async (path, token, form) => {
    const began = performance.now();
    const told = { token, asked: performance.timeOrigin + began, status: 0, body: "", failure: "" };
    try {
      const options = { cache: "no-store", signal: AbortSignal.timeout(1000 * patience), ...form };
      const answer = await fetch(`${path}token=${token}`, options);
      told.status = answer.status;
      told.body = await answer.text();
    } catch (error) {
      told.failure = String(error);
    }
    return { ...told, took: performance.now() - began };
  };

  const loop = async (kind, visitor, path, wait, form) => {
    for (let number = 0; going; number += 1) {
      rows.push({ kind, visitor, ...(await ask(path, `${visitor}.${number}`, form)) });
      await rest(wait);
    }
  };

  const text = "x".repeat(formBytes - "text=".length);
  const form = { method: "POST", body: new URLSearchParams({ text }) };
  const many = (count, start) => Array.from({ length: count }, (_, number) => start(number));
  const loops = [
    ...many(quick, (number) => loop("quick", `${name}.q${number}`, "/?", pause)),
    ...many(slow, (number) => loop("slow", `${name}.s${number}`, `/slow?seconds=${slowSeconds}&`, 0)),
    ...many(forms, (number) => loop("form", `${name}.f${number}`, "/?", pause, form)),
  ];

  window.leave = async () => {
    going = false;
    await Promise.all(loops);
    await rest(0.2);
    note(observer.takeRecords());
    return { rows, protocols };
  };
}
