// What all pages share: signing in, the main part, and what is said when something fails.
import { make, problem } from "./elements.js";
import { credential, get, Refusal, ROOT, signIn, signOut, takeFromAddress } from "./session.js";

const main = document.querySelector("#main");

export const idFromPath = () => decodeURIComponent(location.pathname.split("/").pop());
export const link = (path) => new URL(path, ROOT).href;

export function start(title, build) {
  takeFromAddress();
  document.title = title ? `${title} · Likewise` : "Likewise";
  const out = document.querySelector("#sign-out");
  if (out) {
    out.hidden = !credential();
    out.addEventListener("click", () => { signOut(); location.reload(); });
  }
  return credential() ? run(build) : askToSignIn(build);
}

async function run(build) {
  main.setAttribute("aria-busy", "true");
  main.replaceChildren(make("p", { class: "soft", role: "status" }, "Reading the numbers …"));
  try {
    main.replaceChildren(...(await build()).flat().filter(Boolean));
  } catch (failure) {
    if (!(failure instanceof Refusal)) throw failure;
    if (failure.status === 401) return askToSignIn(build, failure);
    main.replaceChildren(problem(failure));
  } finally {
    main.removeAttribute("aria-busy");
  }
  return undefined;
}

function askToSignIn(build, refusal) {
  const field = make("input", { id: "credential", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  const form = make("form", { class: "sign-in" },
    make("label", { for: "credential" }, "API key, access token, or the part of a share link behind the #", field),
    make("div", {}, make("button", { class: "main", type: "submit" }, "Sign in")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(field.value);
    document.querySelector("#sign-out")?.removeAttribute("hidden");
    run(build);
  });
  main.replaceChildren(make("h1", {}, "Count the likes, never the likers"),
    make("p", { class: "soft" }, "These pages show how many liked, from where, when, and why likes disappear. They never show who. ",
      "The key stays in this tab, and is forgotten when you close it."),
    refusal ? problem(refusal) : "", form);
}

export { get };
