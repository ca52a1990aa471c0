import * as connect from 'https://api.example.com/connect.js';

const button = document.querySelector('button');
const status = document.querySelector('[role=status]');

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
 * Asks the backend for a session: its `id`, and its `launch_url`.
 *
 * @param click a UUID, fresh for each click; a retry of the same click sends the same one
 */
async function mint(click) {
  const answer = await fetch('/connect-sessions', { method: 'POST', headers: { 'Idempotency-Key': click } });
  if (!answer.ok) throw new Error(`The backend answered ${answer.status}.`);
  return answer.json();
}

/** Shows how a session stands, as the backend knows it: what came with the page is a hint. */
async function show(id) {
  const answer = await fetch(`/connect-sessions/${id}`);
  const { state, location_id: location } = await answer.json();
  // Connected, and no code came back: the customer closed the page too early.
  const isUnconfirmed = state === 'connected' && !location;
  status.textContent = isUnconfirmed ? 'One step is missing. Please start again.' : sentences[state] ?? '';
}

/** Confirms a session with the code that came with its end, where the service asks for one (BFF_CONFIRM=code). */
async function confirm({ session, code }) {
  if (!code) return;
  await fetch(`/connect-sessions/${session}/confirm`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code }),
  });
}

button.addEventListener('click', async () => {
  const minting = mint(crypto.randomUUID());
  try {
    // A promise of the launch URL, so that the dialog appears at the click.
    await confirm(await connect.open({ launchUrl: minting.then((session) => session.launch_url) }));
    await show((await minting).id);
  } catch (error) {
    console.error(error);
    status.textContent = 'Something went wrong. Please try again.';
  }
});

// Back from a redirect, if the browser did not allow another way.
const back = connect.resume();
if (back) confirm(back).then(() => show(back.session));
button.disabled = false;
