// The page's part of the browser's history.
//
// A session is two entries, whatever the number of its screens: `[root, flow]`, and the page is always on the upper
// one. The back button leads to the lower one; we take it as the BACK of the screen and go forward again at once. So it
// does what a customer means by it, the history does not grow with the screens, and it holds no state that Connect has
// left. A reload asks Connect for the current screen and sends nothing again. The end of a session takes the place of
// the lower entry, so that the back button leads from there to the page before Connect.
//
// Going forward, instead of pushing the upper entry anew, matters: browsers skip entries that were pushed without a
// click since, and a second press would leave the page.
//
// In a frame (`modal`) the two entries belong to the history of the app's page. We keep them there, too: on a phone the
// back gesture is how a customer leaves a sheet, and without an entry of ours it would leave the app's page, with the
// session open and unseen. Before the dialog goes we step down from our entry, so that the app's back button does what
// it did before. What remains is an entry ahead, which the next navigation of the app removes. In a window (`popup`)
// both entries go with the window; on phones, where it is a tab, the back gesture would otherwise close it.

/** How long a step in the history may take before we go on without it, in milliseconds. */
const stepTimeout = 500;

export class Trail {
  #window;
  #onBack;
  #moved;
  #isLeaving = false;
  #isOn = false;

  /** @param onBack called for each press of the back button */
  constructor(window, onBack) {
    this.#window = window;
    this.#onBack = onBack;
    window.addEventListener('popstate', (event) => this.#pop(event.state));
  }

  /** Stands on the session's entry, which a reload is on already. */
  enter() {
    const { history } = this.#window;
    this.#isOn = true;
    if (history.state?.view === 'flow') return;
    history.replaceState({ view: 'root' }, '');
    history.pushState({ view: 'flow' }, '');
  }

  /** Steps down to the lower entry, to be followed by the end of the session. */
  async leave() {
    const { history } = this.#window;
    await this.#moved;
    this.#isLeaving = true;
    this.#isOn = false;
    if (history.state?.view === 'flow') await this.#step(() => history.back());
  }

  #pop(state) {
    this.#arrive?.();
    if (!this.#isOn || this.#isLeaving || state?.view === 'flow') return;
    // A fragment was typed or followed: page.js reads it.
    if (this.#window.location.hash) return;
    this.#moved = this.#step(() => this.#window.history.forward());
    this.#onBack();
  }

  #arrive;

  #step(go) {
    return new Promise((resolve) => {
      const timer = this.#window.setTimeout(resolve, stepTimeout);
      this.#arrive = () => {
        this.#window.clearTimeout(timer);
        this.#arrive = undefined;
        resolve();
      };
      go();
    });
  }
}
