
"use strict";
// Everything can be read without this: it copies commands, finds files, opens all, and knows a few keys.
(() => {
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const made = (kind, attributes) => Object.assign(document.createElement(kind), attributes);
  const words = document.body.dataset;  // in the language of the page

  const told = made("output", { className: "unseen" });
  document.body.append(told);
  const select = (text) => {  // where there is no clipboard to write to, or it is refused
    const field = made("textarea", { className: "unseen", value: text, readOnly: true });
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  };
  const copy = async (button, text) => {
    const written = navigator.clipboard?.writeText(text).then(() => true, () => select(text));
    const done = await (written ?? select(text));
    button.focus({ preventScroll: true });
    button.textContent = done ? words.copied : words.refused;
    told.value = `${button.textContent}: ${text}`;
    setTimeout(() => { button.textContent = words.copy; told.value = ""; }, 2000);
  };
  all(".next code, .advice code, .more code").forEach((code) => {
    const button = made("button", { type: "button", className: "copy", textContent: words.copy });
    button.setAttribute("aria-label", `${words.copy} ${code.textContent}`);
    button.addEventListener("click", () => copy(button, code.textContent));
    code.after(button);
  });

  const search = document.getElementById("search");
  if (!search) return;
  const rows = all(".index tbody tr");
  const files = all("details.file");
  const tables = all(".index table");
  const button = document.getElementById("all");
  all(".tools").forEach((tools) => { tools.hidden = false; });

  const chosen = (element) => element.getClientRects().length > 0;

  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    files.forEach((each, at) => { rows[at].hidden = each.hidden = !each.dataset.path.toLowerCase().includes(wanted); });
    tables.forEach((each) => { each.hidden = all("tbody tr", each).every((row) => row.hidden); });
    const shown = rows.filter(chosen).length;
    document.getElementById("shown").value = words.found.replace("{shown}", shown).replace("{all}", rows.length);
  };

  const name = () => { button.textContent = files.some((each) => !each.open) ? words.open : words.close; };
  const openAll = () => {
    const open = files.some((each) => !each.open);
    files.forEach((each) => { each.open = open; });
    name();
  };

  const go = (step) => {
    const shown = files.filter(chosen);
    const now = shown.indexOf(document.activeElement?.closest("details.file"));
    const next = shown[Math.min(Math.max(now + step, 0), shown.length - 1)];
    next?.querySelector("summary").focus();
    next?.scrollIntoView({ block: "nearest" });
  };

  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1))?.closest("details.file");
    if (!target) return;
    target.open = true;
    target.scrollIntoView();
  };

  search.addEventListener("input", find);
  all(".legend input").forEach((each) => each.addEventListener("change", find));
  button.addEventListener("click", openAll);
  files.forEach((each) => each.addEventListener("toggle", name));
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => all("details").forEach((each) => { each.open = true; }));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target === search) { search.value = ""; find(); search.blur(); }
    if (event.target instanceof HTMLInputElement && event.target.type === "search") return;
    if (event.key === "/") { event.preventDefault(); search.focus(); }
    if (event.key === "j") go(1);
    if (event.key === "k") go(-1);
  });
  find();
  reveal();
})();
