// The plain page: sign in, see the runs of a workspace as they go on.
"use strict";

const byID = (id) => document.getElementById(id);
const runs = new Map(); // by key, newest first as the server lists them
let session, socket, seen = 0, wait = 250, drawing = false;

const link = new URLSearchParams(location.hash.slice(1)).get("link"); // a one-time link: the fragment is never sent by itself
if (link) history.replaceState(null, "", "/");

async function ask(method, path, body) {
  const answer = await fetch("/api/v1/" + path, {
    method, headers: body ? { "Content-Type": "application/json" } : {}, body: body && JSON.stringify(body),
  });
  const value = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw Object.assign(new Error([value.detail, value.hint].filter(Boolean).join(" ")), { status: answer.status });
  return value;
}

function signIn() {
  session = null;
  socket?.close();
  byID("runs").hidden = true;
  byID("leave").hidden = true;
  byID("who").textContent = "";
  byID("enter").hidden = false;
  byID("first").hidden = byID("named").hidden = true;
  byID(link ? "first" : "named").hidden = false;
  byID("enter").elements.name.required = !link;
  byID("enter").elements.password.autocomplete = link ? "new-password" : "current-password";
}

byID("enter").addEventListener("submit", async (e) => {
  e.preventDefault();
  const { name, password } = e.target.elements;
  try {
    await (link ? ask("POST", "session/link", { link, password: password.value }) : ask("POST", "session", { name: name.value, password: password.value }));
    byID("wrong").textContent = "";
    await enter();
  } catch (problem) {
    byID("wrong").textContent = problem.message;
  } finally {
    password.value = "";
  }
});

byID("leave").addEventListener("click", async () => {
  await ask("DELETE", "session").catch(() => {});
  signIn();
});

async function enter() {
  try {
    session = await ask("GET", "session");
  } catch (problem) {
    if (problem.status === 401) return signIn();
    throw problem;
  }
  byID("enter").hidden = true;
  byID("runs").hidden = byID("leave").hidden = false;
  byID("who").textContent = `${session.account} · ${session.workspace}`;
  seen = 0;
  listen();
}

const workspace = () => "workspaces/" + encodeURIComponent(session.workspace);

// load reads all anew: at the beginning, and where messages were missed.
async function load() {
  const [live, newest] = await Promise.all([ask("GET", workspace() + "/live"), ask("GET", workspace() + "/runs?limit=50")]);
  const totals = new Map(live.items.map((r) => [r.run, r]));
  runs.clear();
  for (const r of newest.items) runs.set(r.run, totals.get(r.run) ?? r);
  for (const r of live.items) if (!runs.has(r.run)) runs.set(r.run, r);
  draw();
}

function listen() {
  const topic = workspace() + "/runs";
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/events`);
  socket.onopen = () => socket.send(JSON.stringify({ topic, after: seen || -1 }));
  socket.onmessage = async (e) => {
    const m = JSON.parse(e.data);
    if (m.seq) seen = m.seq;
    byID("link").textContent = "";
    wait = 250;
    switch (m.kind) {
      case "subscribed": case "gap": return load().catch(fail);
      case "refused": return m.data.status === 401 ? signIn() : fail(new Error(m.data.detail));
      case "state": return changed(m.data);
      case "progress": return moved(m.data);
    }
  };
  socket.onclose = () => {
    if (!session) return;
    byID("link").textContent = "The server is not reached. Trying again.";
    setTimeout(() => session && enter().catch(listen), wait = Math.min(wait * 2, 8000));
  };
}

function fail(problem) {
  byID("link").textContent = problem.message;
}

function changed(e) {
  const run = runs.get(e.run);
  if (!run) return load().catch(fail);
  run.state = e.to;
  run.reason = e.why;
  draw();
}

function moved(p) {
  const run = runs.get(p.run);
  if (!run) return;
  run.total = p.total.counts;
  run.stream_states = p.stream_states;
  draw();
}

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    byID("none").hidden = runs.size > 0;
    document.querySelector("tbody").replaceChildren(...[...runs.values()].map(row));
  });
}

function row(run) {
  const tr = document.createElement("tr");
  const cell = (text, kind = "") => {
    const td = tr.insertCell();
    td.textContent = text;
    td.className = kind;
  };
  cell(run.run);
  cell(run.name);
  const state = document.createElement("span");
  state.className = "state " + run.state;
  state.textContent = run.queued && run.state !== "running" ? run.state + ", waits" : run.state;
  tr.insertCell().append(state);
  for (const part of ["read", "written", "dirty", "filtered"]) {
    const n = run.total?.[part];
    cell(n === undefined ? "–" : n.toLocaleString("en"), part === "dirty" && n > 0 ? "number some" : "number");
  }
  const states = Object.values(run.stream_states ?? {}).reduce((a, b) => a + b, 0);
  cell(states ? `${run.stream_states.done ?? 0}/${states}` : "");
  cell([run.reason || run.waits, run.code].filter(Boolean).join(" "));
  return tr;
}

enter().catch((problem) => { signIn(); byID("wrong").textContent = problem.message; });
