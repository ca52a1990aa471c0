import * as connect from 'https://api.example.com/connect.js';

const find = (selector) => document.querySelector(selector);
const button = find('button');
const status = find('[role=status]');

/** What the customer reads in each state of a session. */
const sentences = {
  created: 'You have not started yet. You can start again at any time.',
  active: 'We are checking how it went. Please look again in a moment.',
  abandoned: 'You have not finished. You can start again at any time.',
  pending: 'Waiting for your provider. Your tariff will follow; this may take up to two days.',
  connected: 'Your tariff is connected.',
  failed: 'That did not work. Please try again.',
  disconnected: 'Your tariff is disconnected.',
  expired: 'The time for this is over. Please start again.',
};

/**
 * What this tab keeps over a sign-in, which takes its document away: the session's `id`, and, until it is redeemed, the
 * one-time code of its end. The code is worth nothing to another customer.
 */
const kept = {
  get session() { return sessionStorage.getItem('session'); },
  get code() { return sessionStorage.getItem('code'); },
  keep({ session, code }) {
    sessionStorage.setItem('session', session);
    if (code) sessionStorage.setItem('code', code);
  },
  forget(...names) {
    for (const name of names) sessionStorage.removeItem(name);
  },
};

class SignedOut extends Error {}

/**
 * Calls the service as the customer who is signed in. The cookie of the sign-in goes with each call by itself.
 *
 * @param request as for `fetch`; none for a read
 */
async function call(path, request) {
  const answer = await fetch(path, request);
  if (answer.status === 401) throw new SignedOut();
  if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}.`);
  return answer.json();
}

/** A call that changes something. */
function send(path, body, headers = {}) {
  return call(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** Who is signed in. */
async function customer() {
  return (await call('/sign-in?info=json')).remote_user;
}

/** Asks the service for a session: its `id`, and its `launch_url`. */
async function mint(click) {
  // Another tab may have signed in another customer, whose cookie this tab has, too.
  if (await customer() !== find('#who').textContent) {
    location.reload();
    return new Promise(() => {});
  }
  const request = { return_url: 'https://app.example.com/' };
  return send('/v1/connect/sessions', request, { 'Idempotency-Key': click });
}

/** Confirms the session with its code, if it has one, and shows how it stands. */
async function finish() {
  const { session, code } = kept;
  if (code) {
    try {
      await send(`/v1/connect/sessions/${session}/confirm`, { code });
    } catch (error) {
      // The code stays for after the sign-in. One that was refused is worth nothing.
      if (error instanceof SignedOut) throw error;
      console.error(error);
    }
    kept.forget('code');
  }
  await show(session);
  kept.forget('session');
}

/** Shows how a session stands, as the service knows it, and the tariffs that came of it. */
async function show(id) {
  const { state, location_id: place } = await call(`/v1/connect/sessions/${id}`);
  status.textContent = sentences[state] ?? '';
  if (place) {
    const { data } = await call(`/v1/tariffs/elements?location_id=${place}`);
    status.textContent += ` ${data.map((tariff) => tariff.display_name).join(', ')}`;
  }
}

/** Does one thing of the customer's. Without sign-in it offers one, by a link: no page signs in over and over again. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    if (error instanceof SignedOut) {
      find('#ended').hidden = false;
      return;
    }
    console.error(error);
    status.textContent = 'Something went wrong. Please try again.';
  }
}

button.addEventListener('click', () => attempt(async () => {
  const minting = mint(crypto.randomUUID());
  // A promise of the launch URL, so that the dialog appears at the click.
  const { code } = await connect.open({ launchUrl: minting.then((session) => session.launch_url) });
  kept.keep({ session: (await minting).id, code });
  await finish();
}));

// Back from a redirect. It takes session and code out of the address, so they are kept before anything else is done.
const back = connect.resume();
if (back) kept.keep(back);

attempt(async () => {
  find('#who').textContent = await customer();
  button.disabled = false;
  // Also after a sign-in in the middle of a session.
  if (kept.session) await finish();
});
