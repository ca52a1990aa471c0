// The window of a provider login: takes the login from the frame that opened it, keeps the token for the way back, and
// goes on to the provider. The provider sends the customer back to the page itself, which finds the mark `popup`.
//
// The frame waits for this document, so it loads what it says in words only when it has to say something.

import { memory } from './memory.js';
import { loginOf } from './rules.js';
import { callbackURL } from './service.js';

/** How long the frame may take to answer, in milliseconds. */
const timeout = 10_000;

const { opener } = window;

function take(event) {
  const login = loginOf(event, { opener, origin: location.origin, callback: callbackURL, page: location.href });
  if (!login) return;
  removeEventListener('message', take);
  clearTimeout(timer);
  memory.begin({ token: login.token, popup: '1', language: login.language });
  // The provider gets no hold of the frame, and this document's place: it has nothing to come back to.
  window.opener = null;
  location.replace(login.url);
}

async function refuse() {
  const [{ dress, showPlain }, { t, use }] = await Promise.all([import('./stage.js'), import('./text.js')]);
  await use(document.documentElement.lang);
  dress();
  showPlain('window', { title: t('window.unexpected'), lead: t('window.unexpected_lead') },
    [[t('close'), () => window.close()]]);
}

const timer = setTimeout(refuse, opener ? timeout : 0);
if (opener) {
  addEventListener('message', take);
  opener.postMessage({ type: 'connect-bff:popup' }, location.origin);
} else {
  // Opened without a tie to the frame, which goes another way.
  window.close();
}
