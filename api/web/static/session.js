// The key, token or share link of this tab, and requests with it. It is kept in the tab alone, and never in an address.
const STORE = "likewise-credential";
export const ROOT = new URL("..", import.meta.url);

export function takeFromAddress() {
  const shared = decodeURIComponent(location.hash.slice(1));
  if (/^(lw_public_|eyJ)/.test(shared)) {
    sessionStorage.setItem(STORE, shared);
    history.replaceState(null, "", location.pathname + location.search);
  }
}

export const credential = () => sessionStorage.getItem(STORE);
export const signIn = (text) => sessionStorage.setItem(STORE, text.trim());
export const signOut = () => sessionStorage.removeItem(STORE);

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered with status ${status}.`);
    this.status = status;
    this.reason = problem.reason;
  }
}

async function send(path, options) {
  const headers = { Authorization: `Bearer ${credential()}`, Accept: "application/json", ...options.headers };
  let answer;
  try {
    answer = await fetch(new URL(path, ROOT), { ...options, headers, credentials: "omit" });
  } catch {
    throw new Refusal(0, { detail: "The server cannot be reached. Check the connection, and try again." });
  }
  if (!answer.ok) throw new Refusal(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

export const get = async (path) => (await send(path, {})).json();
export const query = async (members) =>
  (await send("v1/query", { method: "POST", body: JSON.stringify(members), headers: { "Content-Type": "application/json" } })).json();
export const download = async (path, name) => {
  const answer = await send(path, { headers: { Accept: "text/csv" } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
};

// A part of a page that may be missing: an older policy measures no audiences, say.
export const optional = async (promise) => {
  try {
    return await promise;
  } catch (refusal) {
    if (refusal instanceof Refusal && [403, 404, 410].includes(refusal.status)) return null;
    throw refusal;
  }
};
