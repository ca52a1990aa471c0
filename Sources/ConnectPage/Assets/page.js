// Starts the page: reads what its address asks for, exchanges a ticket for the token of its session, and opens the
// session. Nothing of the address stays there.

import { Bridge } from './bridge.js';
import { showFailure } from './failure.js';
import { Flow } from './flow.js';
import { memory } from './memory.js';
import { firstAct, languageOf, readFragment, sessionOf, ticketWithMarks } from './rules.js';
import { screens } from './screens.js';
import { arrive, exchange, Failure, persist, speak, wayBack } from './service.js';
import { config, dress, keepWaiting, showEnded, showPlain } from './stage.js';
import { t, use } from './text.js';
import { Trail } from './trail.js';

/** When the first screen is there, even on a slow link, in milliseconds. */
const quietTime = 4000;

const fragment = readFragment(location.hash);
// Before anything else can read the address, or keep it: no other entry of the history has it either.
if (location.hash) history.replaceState(history.state, '', location.pathname + location.search);

const act = firstAct(fragment, memory.values, memory.isKept);
// The login of another person's session may have led here: such a session must not be confirmed. At once, as this window
// may be closed at any time.
if (act === 'foreign') arrive(fragment.token, memory.tabKey()).catch(() => {});
const marksOf = ({ shell, handed }) => ({ shell: shell ? '1' : undefined, handed: handed ? '1' : undefined });

/** The ticket to exchange, with its marks. */
let pending;
if (act === 'exchange') {
  // What the tab holds of another session stays until the exchange has worked: anyone can make a bad launch URL.
  if (fragment?.ticket) memory.write({ ticket: ticketWithMarks(fragment) });
  pending = readFragment(`ticket=${memory.values.ticket}`);
} else if (act === 'resume' || act === 'returned') {
  memory.write({ ticket: undefined, ...(fragment?.ticket && marksOf(fragment)) });
}

let flow;

const bridge = new Bridge({
  window, origins: config.origins, isShell: pending ? pending.shell : memory.values.shell === '1',
  onClose: () => (flow ? flow.closeSoon() : leave()),
});
const trail = new Trail(window, () => {
  const dialog = document.querySelector('dialog[open]');
  if (dialog) dialog.close();
  else flow?.back();
});

const begin = {
  exchange: takeTicket,
  resume: openFlow,
  /** The login is over: the window that opened this one goes on. */
  returned() {
    showPlain('returned', { title: t('window.close'), lead: t('window.close_lead') },
      [[t('close'), () => window.close()]]);
    window.close();
  },
  foreign() {
    showPlain('foreign', { title: t('failure.foreign'), lead: t('error.foreign') }, ways());
  },
  unknown: () => showFailure(new Failure('ticket_unknown'), { ways: ways() }),
  ended() {
    const { ended, confirms } = memory.values;
    showEnded(() => wayBack(ended, confirms && memory.tabKey()));
  },
  nothing: () => showPlain('nothing', { title: t('failure.nothing'), lead: t('error.nothing') }, ways()),
};

async function start() {
  // A ticket begins a session, without the wish of the one before.
  const kept = pending ? undefined : memory.values.language;
  const wishes = [new URLSearchParams(location.search).get('lang'), kept, document.documentElement.lang];
  let language = languageOf(wishes, config.languages);
  // Its texts may not have arrived; without any, the document's own words about a late page remain.
  language = await use(language).catch(() => use('en'));
  document.documentElement.lang = language;
  speak(language);
  if (!pending) memory.write({ language });
  dress();
  bridge.start();
  // How these screens lead on depends on what opened the page.
  if (act !== 'exchange' && act !== 'resume') await bridge.settled();
  begin[act]();
}

async function takeTicket() {
  try {
    const { token, session, confirms } = await persist(
      () => exchange(pending.ticket, memory.tabKey()), { onRepeat: keepWaiting });
    memory.begin({
      token, session, confirms: confirms ? '1' : undefined, language: document.documentElement.lang, ...marksOf(pending),
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (/^ticket_(unknown|used|expired)$/.test(error.code)) memory.write({ ticket: undefined });
    await bridge.settled();
    showFailure(error, { again: takeTicket, ways: ways() });
    return;
  }
  openFlow();
}

function openFlow() {
  flow = new Flow({ memory, bridge, trail });
  flow.start();
  setTimeout(loadTheRest, quietTime);
}

/** Loads what the first screen did not need, so that the others come without a wait. */
function loadTheRest() {
  const loads = [() => import('./provider.js'), ...Object.values(screens).map(({ load }) => load).filter(Boolean)];
  // Whatever does not arrive is loaded when it is needed.
  for (const load of loads) load().catch(() => {});
}

/** The ways on from a screen without a session: none of them can end one. */
function ways() {
  if (bridge.isFollowed) return [[t('close'), leave]];
  return history.length > 1 && !bridge.isFramed ? [[t('page.back'), () => history.back()]] : [];
}

/** Leaves without a session, which may be open elsewhere. */
function leave() {
  bridge.finish('close', { session: (pending ? sessionOf(pending.ticket) : memory.values.session) ?? null });
}

// A new launch URL for this document changes its fragment alone, and loads nothing.
addEventListener('hashchange', () => { if (readFragment(location.hash)) location.reload(); });

// Out of the browser's cache, the page shows a screen that Connect may have left.
addEventListener('pageshow', (event) => { if (event.persisted) flow?.resume(); });

// A dialog around a frame does not see the keys that are pressed in it.
addEventListener('keydown', (event) => {
  const isTaken = event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')
    || (event.target.type === 'search' && event.target.value !== '');
  if (event.key !== 'Escape' || isTaken || !bridge.isFramed || !bridge.isEmbedded) return;
  if (flow) flow.close();
  else leave();
});

start();
