// What the page does: search, and calls that are sent. The page is whole without it. Nothing is stored, and nothing
// that comes from a server becomes markup.
"use strict";

(() => {
  const SAFE = new Set(["GET", "HEAD"]);
  const byId = (id) => document.getElementById(id);

  function element(name, attributes = {}, ...inside) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined) made.setAttribute(key, value);
    }
    made.append(...inside);
    return made;
  }

  // ---- search ----
  function prepareSearch() {
    const entries = [...document.querySelectorAll("main details")].map((entry) => ({
      entry,
      words: `${entry.id} ${entry.textContent}`.toLowerCase(),
    }));
    const families = [...document.querySelectorAll(".family")];
    const search = () => {
      const wanted = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
      let found = 0;
      for (const { entry, words } of entries) {
        entry.hidden = !wanted.every((word) => words.includes(word));
        if (!entry.hidden) found += 1;
      }
      for (const family of families) {
        family.hidden = wanted.length > 0 && !family.querySelector("details:not([hidden])");
      }
      byId("found").textContent = wanted.length ? `${found} of ${entries.length}` : "";
    };
    byId("search").addEventListener("input", search);
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, textarea");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        byId("search").focus();
      }
    });
  }

  // What a link leads to must be seen, even where it is closed or was not searched for.
  function follow() {
    const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden || target.closest("[hidden]")) {
      byId("search").value = "";
      byId("search").dispatchEvent(new Event("input"));
    }
    if (target instanceof HTMLDetailsElement) target.open = true;
    target.scrollIntoView();
  }

  // ---- a call ----
  function field(form, name, label, control) {
    control.id = `${form.dataset.of}-${name}`;
    form.append(element("label", { for: control.id }, label), control);
    return control;
  }

  function prepareCall(operation) {
    const { method, path } = operation.dataset;
    const form = element("form", { class: "try", "data-of": operation.id });
    const parameters = [...operation.querySelectorAll("code[data-in]")].map((code) => {
      const { in: place, name } = code.dataset;
      const input = element("input", { type: "text", autocomplete: "off", spellcheck: "false" });
      input.required = place === "path";
      return { place, name, input: field(form, `${place}-${name}`, `${name} (${place})`, input) };
    });
    const sample = operation.querySelector("pre.example");
    const file = operation.querySelector(".file");
    let body = null;
    if (sample) {
      body = field(form, "body", "Body", element("textarea", { spellcheck: "false" }));
      body.value = sample.textContent;
    } else if (file) {
      body = field(form, "body", "File", element("input", { type: "file" }));
    }
    const changes = !SAFE.has(method) && !path.endsWith("/rpc");
    const send = element("button", { type: "submit", class: changes ? "changes" : undefined }, `Send ${method}`);
    const answer = element("div", { class: "answer", role: "status" });
    form.append(send, answer);
    operation.append(form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      send.disabled = true;
      try {
        const type = (sample || file)?.dataset.type;
        await sendCall(answer, request(method, path, parameters, body, type));
      } finally {
        send.disabled = false;
      }
    });
  }

  function request(method, template, parameters, body, type) {
    let path = template;
    const query = new URLSearchParams();
    const headers = {};
    for (const { place, name, input } of parameters) {
      if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
      else if (input.value && place === "query") query.append(name, input.value);
      else if (input.value && place === "header") headers[name] = input.value;
    }
    const token = byId("token").value.trim();
    if (token) headers.Authorization = token.includes(":") ? `ApiKey ${token}` : `Bearer ${token}`;
    const content = body && (body.type === "file" ? body.files[0] : body.value.trim());
    if (content) headers["Content-Type"] = type;
    const url = query.size ? `${path}?${query}` : path;
    return { url, options: { method, headers, body: content || undefined, credentials: "omit", cache: "no-store" } };
  }

  async function sendCall(answer, { url, options }) {
    const begun = performance.now();
    answer.replaceChildren(element("p", {}, "Under way..."));
    answer.classList.remove("failed");
    try {
      const reply = await fetch(url, options);
      const blob = await reply.blob();
      const took = Math.round(performance.now() - begun);
      answer.classList.toggle("failed", !reply.ok);
      const told = [...reply.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      answer.replaceChildren(
        element("p", {}, `${reply.status} ${reply.statusText}, ${took} ms`),
        ...(await shown(blob, reply.headers.get("content-type") || "")),
        element("details", {}, element("summary", {}, "Headers"), element("pre", { tabindex: "0" }, told)),
        element("details", {}, element("summary", {}, "The same with curl"), element("pre", { tabindex: "0" }, curl(url, options))),
      );
    } catch (error) {
      answer.classList.add("failed");
      answer.replaceChildren(element("p", {}, `No answer: ${error.message}`));
    }
  }

  async function shown(blob, type) {
    if (!blob.size) return [];
    if (/json|^text\//.test(type)) {
      const text = await blob.text();
      let pretty = text;
      try {
        if (type.includes("json")) pretty = JSON.stringify(JSON.parse(text), null, 2);
      } catch {
        // Shown as it came.
      }
      return [element("pre", { tabindex: "0" }, pretty)];
    }
    const link = element("a", { href: URL.createObjectURL(blob), download: "answer" }, `Save ${blob.size} bytes`);
    return [element("p", {}, link)];
  }

  // The token is not written out: what is shown may be copied to others.
  function curl(url, { method, headers, body }) {
    const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const parts = ["curl --cacert ca.pem", `-X ${method}`];
    for (const [name, value] of Object.entries(headers)) {
      if (name !== "Authorization") parts.push(`-H ${quoted(`${name}: ${value}`)}`);
      else parts.push(`-H "Authorization: ${value.split(" ")[0]} $TOKEN"`);
    }
    if (body instanceof File) parts.push(`--data-binary @${quoted(body.name)}`);
    else if (body) parts.push(`-d ${quoted(body)}`);
    return [...parts, quoted(location.origin + url)].join(" \\\n  ");
  }

  byId("use").hidden = false;
  byId("use").addEventListener("submit", (event) => event.preventDefault());
  prepareSearch();
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target.open && target.matches(".operation") && !target.querySelector(".try")) prepareCall(target);
    },
    true,
  );
  addEventListener("hashchange", follow);
  follow();
})();
