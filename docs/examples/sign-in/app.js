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

/** What this tab keeps over a sign-in, which takes its document away: the session's `id`, which is no secret. */
const kept = {
  get session() { return sessionStorage.getItem('session'); },
  set session(id) { sessionStorage.setItem('session', id); },
  forget() { sessionStorage.removeItem('session'); },
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
  return call('/v1/connect/sessions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': click },
    body: JSON.stringify({ return_url: 'https://app.example.com/' }),
  });
}

/** Shows how a session stands, as the service knows it, and the tariffs that came of it. */
async function show(id) {
  const { state, location_id: place } = await call(`/v1/connect/sessions/${id}`);
  status.textContent = sentences[state] ?? '';
  if (place) {
    const { data } = await call(`/v1/tariffs/elements?location_id=${place}`);
    status.textContent += ` ${data.map((tariff) => tariff.display_name).join(', ')}`;
  }
  kept.forget();
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
  await connect.open({ launchUrl: minting.then((session) => {
    kept.session = session.id;
    return session.launch_url;
  }) });
  await show(kept.session);
}));

attempt(async () => {
  find('#who').textContent = await customer();
  button.disabled = false;
  // Back from a redirect, or from a sign-in in the middle of a session.
  const session = connect.resume()?.session ?? kept.session;
  if (session) await show(session);
});
