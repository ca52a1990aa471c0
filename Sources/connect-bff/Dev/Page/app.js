// Starts the app: who is signed in, and whether a session has just ended in this tab.

import * as connect from '/connect.js';
import { Home, SignIn } from '/page/home.js';
import { button, h } from '/page/kit.js';
import * as memory from '/page/memory.js';

// connect.js and the launch URLs have one host, the one of the service's settings.
if (location.hostname === '127.0.0.1') location.hostname = 'localhost';

const root = document.getElementById('screen');
let home;

/** Puts a screen up and moves the focus to its heading, so that a screen reader reads on from there. */
function show(name, title, nodes) {
  document.title = `${title} – Daylight`;
  root.dataset.screen = name;
  root.replaceChildren(...nodes);
  scrollTo(0, 0);
  root.querySelector('h1')?.focus();
}

function showAccount() {
  const user = memory.user();
  document.getElementById('account').replaceChildren(...user ? [
    h('span', { class: 'avatar', 'aria-hidden': 'true' }, user.name.slice(0, 1)),
    h('span', { class: 'name' }, user.name),
    button('Sign out', () => {
      memory.signOut();
      showHome();
    }, 'quiet'),
  ] : []);
}

/** @param returned the session that the customer has just come back from, and its code where it needs one */
function showHome(returned) {
  home?.stop();
  home = undefined;
  showAccount();
  const user = memory.user();
  if (!user) return new SignIn({ show, signedIn: () => showHome() }).draw();
  home = new Home({ user, show, returned });
  return home.start();
}

// Before anything else reads the address. Its status is a hint: home asks the service how the session stands.
showHome(connect.resume());
