// Starts the page: who is signed in, and whether a Connect session is open in this tab.

import { Flow } from '/page/flow.js';
import { Home, SignIn } from '/page/home.js';
import { button, h } from '/page/kit.js';
import * as memory from '/page/memory.js';

// Connect comes back to one address, the one of the service's settings.
if (location.hostname === '127.0.0.1') location.hostname = 'localhost';

const root = document.getElementById('screen');
let flow;
let home;

/** Puts a screen up and moves the focus to its heading, so that a screen reader reads on from there. */
function show(name, title, nodes, { focus = true } = {}) {
  document.title = `${title} – Daylight`;
  root.dataset.screen = name;
  root.replaceChildren(...nodes);
  if (!focus) return;
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

/** @param returned the id of a session that the customer has just come back from */
function showHome(returned) {
  flow = undefined;
  memory.closeFlow();
  home?.stop();
  showAccount();
  const user = memory.user();
  if (!user) {
    home = undefined;
    new SignIn({ show, signedIn: showHome }).draw();
  } else {
    home = new Home({ user, show, open: openFlow, returned });
    home.start();
  }
}

/** Opens a session in this tab, on a history entry of its own. */
function openFlow(token) {
  home?.stop();
  home = undefined;
  memory.openFlow(token);
  if (history.state?.view !== 'flow') history.pushState({ view: 'flow' }, '', '/');
  flow = new Flow({ token, root, show, home: leaveFlow });
  flow.start();
}

/** Leaves a flow without an answer from Connect: the session can be taken up again. */
function leaveFlow() {
  flow = undefined;
  if (history.state?.view === 'flow') history.back();
  else showHome();
}

addEventListener('popstate', () => {
  if (flow?.isLeaving) return;
  if (flow) {
    // The back button, on a screen: see flow.js.
    history.pushState({ view: 'flow' }, '', '/');
    flow.back();
  } else {
    // Either back to home's entry, or forward to that of a flow which is over.
    history.replaceState({ view: 'home' }, '', '/');
    if (!home) showHome();
  }
});

// A page that comes out of the browser's cache shows a screen that Connect may have left.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

function begin() {
  const query = new URLSearchParams(location.search);
  const token = query.get('fp_cot');
  showAccount();
  if (token) {
    // Back from a provider's login. The token leaves the address bar before anything else happens.
    history.replaceState({ view: 'home' }, '', '/');
    return openFlow(token);
  }
  const open = memory.flow();
  if (history.state?.view === 'flow' && open) return openFlow(open);
  history.replaceState({ view: 'home' }, '', '/');
  showHome(query.get('session') ?? undefined);
}

begin();
