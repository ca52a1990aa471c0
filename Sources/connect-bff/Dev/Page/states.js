// What the states of a session mean to a customer of this app.

/** What a session's state means to a customer: a word, a sentence, a colour. */
const states = {
  created: ['Ready to start', 'Nothing has been answered yet.', 'calm'],
  active: ['In progress', 'Connect is open.', 'busy'],
  abandoned: ['Not finished', 'You left before the end. You can start again at any time.', 'calm'],
  pending: ['Waiting for your provider', 'Your provider has not answered yet. You do not have to wait here.', 'busy'],
  connected: ['Connected', 'Your tariff is connected.', 'good'],
  failed: ['Did not work', 'The connection did not work. You can try again.', 'bad'],
  disconnected: ['Disconnected', 'Your tariff is no longer connected.', 'calm'],
  expired: ['Expired', 'Its time ran out. You can start again.', 'calm'],
};
/** A connected session that waits for its confirmation shows nothing yet. */
const unconfirmed = ['Not confirmed', 'Your tariff is connected, but we do not know yet that it was you.', 'busy'];
export const stateOf = (session) => {
  if (session.reason === 'foreign_tab') return ['Did not work', 'It was opened in another browser. Please start again.', 'bad'];
  if (session.state === 'connected' && session.confirmed === false) return unconfirmed;
  return states[session.state] ?? [session.state, session.state, 'calm'];
};
/** A new session takes the place of one of these: this app has no token with which to go on with it. */
export const isUnfinished = (session) => ['created', 'active', 'abandoned'].includes(session.state);
export const isOver = (session) => session.ended_at && !isUnfinished(session) && session.state !== 'pending'
  && (session.confirmed !== false || ['expired', 'failed'].includes(session.state));
