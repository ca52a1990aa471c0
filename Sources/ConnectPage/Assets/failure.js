// Failures that take the whole screen: nothing of the session is on it that would be lost.

import { failureBox } from './kit.js';
import { showPlain } from './stage.js';
import { t } from './text.js';

/** Codes that are not `general`, by the title of their screen. */
const titles = {
  offline: ['offline'],
  unreachable: ['unreachable', 'upstream_unreachable'],
  slow: ['timed_out', 'upstream_timeout', 'request_timeout'],
  torn: ['answer_incomplete', 'upstream_invalid_answer'],
  limited: ['rate_limited'],
  busy: ['overloaded', 'store_unavailable', 'not_ready', 'rate_limit', 'upstream_limited', 'upstream_unavailable'],
  ticket_used: ['ticket_used'],
  ticket_unknown: ['ticket_unknown', 'connect_token_unknown', 'connect_token_missing', 'connect_token_not_found'],
  ticket_expired: ['ticket_expired'],
  session_used: ['connect_token_used'],
  session_expired: ['connect_token_expired'],
  finish: ['finish'],
};

export const titleOf = (code) => Object.keys(titles).find((title) => titles[title].includes(code)) ?? 'general';

/** Failures that the same call cannot mend. */
const isFinal = (code) => ['ticket', 'session'].includes(titleOf(code).split('_')[0]);

/** The call that a reconnected device makes by itself, while the screen that waits for it is up. */
let whenOnline;
addEventListener('online', () => {
  if (document.getElementById('screen').dataset.screen === 'failure') whenOnline?.();
});

/**
 * @param again repeats the call
 * @param ways other ways on, as `[label, go]`
 */
export function showFailure(failure, { again, ways = [] } = {}) {
  const { code } = failure;
  const retry = isFinal(code) ? undefined : again;
  whenOnline = ['offline', 'unreachable'].includes(code) ? retry : undefined;
  showPlain('failure', { title: t(`failure.${titleOf(code)}`), notice: failureBox(failure, retry) }, ways);
  document.getElementById('screen').dataset.code = code;
}
