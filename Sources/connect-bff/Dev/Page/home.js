// The app: signing in, connecting a tariff on the Connect page, and the settings of tariffs that are connected.

import * as connect from '/connect.js';
import { chart } from '/page/chart.js';
import { Charging } from '/page/charging.js';
import {
  button, clockOfZone, confirmed, dateText, dayIn, failureBox, h, logo, redrawTables, spinner,
} from '/page/kit.js';
import * as memory from '/page/memory.js';
import * as service from '/page/service.js';
import { isOver, isUnfinished, stateOf } from '/page/states.js';

export class SignIn {
  constructor({ show, signedIn }) { Object.assign(this, { show, signedIn }); }

  draw() {
    const sign = (user) => () => {
      memory.signIn(user.id);
      this.signedIn();
    };
    this.show('sign_in', 'Sign in', [h('div', { class: 'card narrow' },
      h('h1', { tabindex: -1 }, 'Sign in'),
      h('p', { class: 'lead' }, 'Three people live in this demo. Who are you today?'),
      h('ul', { class: 'choices', 'aria-label': 'People' }, memory.users.map((user) =>
        h('li', {}, h('button', { type: 'button', class: 'choice', onclick: sign(user) },
          h('span', { class: 'avatar', 'aria-hidden': 'true' }, user.name.slice(0, 1)),
          h('span', { class: 'words' }, h('span', { class: 'title' }, user.name),
            h('span', { class: 'hint' }, user.text)))))))]);
  }
}

const pill = (text, colour) => h('span', { class: `pill ${colour}` }, text);

/** The tariffs that a location can have, by their names in the status. */
const slots = [
  { key: 'commodity_import', name: 'Power you use', short: 'import', direction: 'IMPORT', type: 'COMMODITY' },
  { key: 'commodity_export', name: 'Power you sell', short: 'export', direction: 'EXPORT', type: 'COMMODITY' },
  { key: 'non_commodity_import', name: 'Grid fees', short: 'grid-fee', direction: 'IMPORT', type: 'NON_COMMODITY' },
];
const slotOf = (session) =>
  slots.find((slot) => slot.direction === session.direction && slot.type === session.type);

const languages = { '': 'As the browser', en: 'English', de: 'Deutsch', fr: 'Français', nl: 'Nederlands' };

/** How often the state of open sessions is asked for, in milliseconds. */
const pollInterval = 2000;

/** Homes whose changes are followed: each takes one of the six connections that a browser has to a host. */
const mostFollowed = 3;
/** Several changes within so many milliseconds are one. */
const settling = 300;

export class Home {
  /**
   * @param user who is signed in
   * @param returned the session that the customer has just come back from: `{session, code}`
   */
  constructor({ user, show, returned }) {
    Object.assign(this, { user, show, returned: returned?.session, code: returned?.code, views: new Map(), known: new Set() });
    /** By location: the card's charging, how its prices are drawn anew, where news stand, and what was seen of it. */
    this.homes = new Map();
    this.onStorage = (event) => { if (event.key === `sessions:${user.id}`) this.poll(); };
    this.onVisibility = () => this.follow();
  }

  async start() {
    this.notice = h('div', { class: 'notice' });
    this.spinner = spinner();
    this.banner = h('div', { role: 'status' });
    this.places = h('div', { class: 'places' }, h('div', { class: 'skeleton', 'aria-hidden': 'true' }));
    this.recent = h('section', { class: 'recent', 'aria-labelledby': 'recent', hidden: true },
      h('h2', { id: 'recent' }, 'Recent sessions'), this.list = h('ul', { class: 'sessions', 'aria-live': 'polite' }));
    this.show('home', 'Your energy', [
      h('h1', { tabindex: -1 }, `Hello, ${this.user.name.split(' ')[0]}`),
      this.banner, this.notice, this.spinner.element, this.places, this.recent,
    ]);
    addEventListener('storage', this.onStorage);
    document.addEventListener('visibilitychange', this.onVisibility);
    await this.confirm(this.returned, this.code);
    await Promise.all([this.showPlaces(), this.poll()]);
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    removeEventListener('storage', this.onStorage);
    document.removeEventListener('visibilitychange', this.onVisibility);
    this.follow();
  }

  // MARK: - Opening Connect

  /** Confirms that the customer of a session is this user: only then is the location theirs. */
  async confirm(id, code) {
    if (!id || !code) return;
    try {
      this.views.set(id, await service.confirm(this.user.id, id, code));
    } catch (error) {
      this.complain(error, () => this.confirm(id, code).then(() => this.poll()));
    }
  }

  /**
   * Mints, and opens the Connect page where the customer likes it to be.
   * @param request what the mint asks for besides
   * @param key names this tap, so that trying again does not make a second session
   */
  async connect(title, request, control, { place, replaces, key = crypto.randomUUID() } = {}) {
    if (this.isBusy) return;
    const chosen = memory.options();
    const mode = place ?? chosen.place;
    const isElsewhere = mode === 'web';
    // A tab must be opened while the browser still sees the click.
    const tab = isElsewhere ? window.open('', '_blank') : null;
    if (tab) tab.opener = null;
    this.busy(control, true, mode);
    let code;
    try {
      const minting = service.mint(this.user.id, {
        app: isElsewhere ? 'web' : 'page', return_url: `${location.origin}/`, ...request,
        ...chosen.language && { language: chosen.language },
        options: { tariff_name_capture: chosen.tariffName, contract_term_capture: chosen.contractTerm },
      }, key).then((minted) => {
        memory.remember(this.user.id, { id: minted.id, title, request });
        if (replaces) memory.forget(this.user.id, replaces);
        this.views.delete(replaces);
        this.poll();
        return minted;
      });
      if (isElsewhere) {
        const { launch_url: launchUrl } = await minting;
        if (tab) tab.location.replace(launchUrl);
        else location.assign(launchUrl);
      } else {
        // A promise, so that the dialog or popup is there before the mint is.
        ({ code } = await connect.open({
          launchUrl: minting.then((minted) => minted.launch_url), mode, title,
          onEvent: (event) => console.debug('connect', event),
        }));
        // How the session ended is asked of the service: what the page says is a hint.
        this.returned = (await minting).id;
        await this.confirm(this.returned, code);
      }
      this.busy(control, false, mode);
      await this.poll();
      this.drawSessions();
      if (code) await this.showPlaces();
    } catch (error) {
      tab?.close();
      this.busy(control, false, mode);
      this.complain(error, () => this.connect(title, request, control, { place, replaces, key }));
    }
  }

  /** No second session while one is open. A dialog covers the buttons itself, and gives the focus back to one of them. */
  busy(control, isBusy, mode) {
    this.isBusy = isBusy;
    this.isCovered = isBusy && mode === 'modal';
    if (!isBusy && this.isLate) {
      this.isLate = false;
      this.showPlaces();
    }
    if (mode === 'modal') return;
    this.spinner.turn(isBusy);
    for (const each of document.querySelectorAll('#screen button')) each.disabled = isBusy;
    control.setAttribute('aria-busy', isBusy);
  }

  /** Draws an area anew; the focus, where it was inside, goes to the heading and not to nowhere. */
  redraw(area, nodes) {
    const hadFocus = area.contains(document.activeElement);
    area.replaceChildren(...nodes);
    for (const each of this.isBusy ? area.querySelectorAll('button') : []) each.disabled = true;
    if (hadFocus) document.querySelector('h1').focus({ preventScroll: true });
  }

  complain(error, again) {
    if (!(error instanceof service.Failure)) throw error;
    const box = failureBox(error, () => {
      this.notice.replaceChildren();
      again();
    });
    this.notice.replaceChildren(box);
    box.focus();
  }

  // MARK: - Places and their tariffs

  async showPlaces() {
    const reading = this.reading = (this.reading ?? 0) + 1;
    const isLate = () => this.isStopped || reading !== this.reading;
    try {
      const locations = await service.locations(this.user.id);
      const known = await Promise.all(locations.map(async ({ id, confirmation_required: isHeld }) => {
        if (isHeld) return { id, isHeld };
        const [status, tariffs] = await Promise.all([
          service.status(this.user.id, id), service.tariffs(this.user.id, id),
        ]);
        return { id, status, tariffs };
      }));
      if (isLate()) return;
      this.known = new Set(known.map(({ id }) => id));
      this.redraw(this.places, [...known.map((place, index) => this.place(place, index)), this.invitation(known.length)]);
      this.follow();
    } catch (error) {
      if (isLate()) return;
      this.places.replaceChildren();
      this.complain(error, () => this.showPlaces());
    }
  }

  invitation(count) {
    const start = button('Connect your tariff', () => this.connect('Connect your tariff', {}, start), count ? 'secondary' : 'primary');
    return h('section', { class: 'card invitation', 'aria-labelledby': 'invitation' },
      h('h2', { id: 'invitation' }, count ? 'Another home?' : 'Know when power is cheap'),
      h('p', {}, count
        ? 'Connect the electricity tariff of another address.'
        : 'Tell us who supplies your electricity, and we show you what every hour costs. It takes about two minutes.'),
      start, this.options());
  }

  options() {
    const chosen = memory.options();
    const save = () => memory.saveOptions(chosen);
    const radio = (value, label) => h('div', { class: 'check' }, h('input', {
      type: 'radio', name: 'place', id: `place-${value}`, value, checked: chosen.place === value,
      onchange: () => { chosen.place = value; save(); },
    }), h('label', { for: `place-${value}` }, label));
    const box = (name, label) => h('div', { class: 'check' }, h('input', {
      type: 'checkbox', id: name, checked: chosen[name],
      onchange: (event) => { chosen[name] = event.currentTarget.checked; save(); },
    }), h('label', { for: name }, label));
    const language = h('select', {
      id: 'language', onchange: (event) => { chosen.language = event.currentTarget.value; save(); },
    }, Object.entries(languages).map(([value, name]) =>
      h('option', { value, selected: chosen.language === value }, name)));
    return h('details', { class: 'options' }, h('summary', {}, 'Options for engineers'),
      h('fieldset', { class: 'part' }, h('legend', {}, 'Where Connect opens'),
        radio('modal', 'In a dialog on this page'), radio('popup', 'In a window of its own'),
        radio('redirect', 'In place of this page'), radio('web', 'In the Connect web app on port 7070, in another tab')),
      h('fieldset', { class: 'part' }, h('legend', {}, 'What Connect asks besides'),
        box('tariffName', 'The name of a tariff'), box('contractTerm', 'The term of the contract')),
      h('div', { class: 'part' }, h('label', { for: 'language' }, 'Language of Connect'), language));
  }

  /** A place whose tariff a session changed that was not confirmed: only a new tariff, or none, leads on from there. */
  held(id, index) {
    const heading = `place-${index}`;
    const opens = (label, action, title) => {
      const control = button(label, () => this.connect(title, { location_id: id, action }, control), 'secondary');
      return control;
    };
    return h('section', { class: 'card place', 'aria-labelledby': heading, 'data-location': id, 'data-held': '' },
      h('h2', { id: heading }, index === 0 ? 'Your home' : `Home ${index + 1}`, h('small', {}, id)),
      h('p', {}, 'The last change of this tariff was not confirmed, so it is not shown. Connect it again, or remove it.'),
      h('div', { class: 'row' }, opens('Connect again', 'edit', 'Edit import tariff'),
        opens('Disconnect', 'disconnect', 'Disconnect import tariff')));
  }

  place({ id, status, tariffs, isHeld }, index) {
    if (isHeld) return this.held(id, index);
    const heading = `place-${index}`;
    const charts = h('div', { class: 'prices' });
    const home = this.homes.get(id) ?? { seen: {}, news: h('p', { class: 'hint', role: 'status' }) };
    this.homes.set(id, home);
    home.redraw = undefined;
    const canCharge = statusOf(status.commodity_import) === 'CONNECTED';
    if (canCharge && !home.charging) {
      home.charging = new Charging({ user: this.user.id, location: id, number: this.homes.size });
      home.charging.start();
    }
    return h('section', { class: 'card place', 'aria-labelledby': heading, 'data-location': id },
      h('h2', { id: heading }, index === 0 ? 'Your home' : `Home ${index + 1}`, h('small', {}, id)),
      h('ul', { class: 'slots' }, slots
        .filter((slot) => statusOf(status[slot.key]) !== 'NOT_SUPPORTED')
        .map((slot) => this.slot(id, slot, status[slot.key], tariffs, charts))),
      charts, home.news, canCharge && home.charging.element);
  }

  slot(location, slot, status, tariffs, charts) {
    const state = statusOf(status);
    const tariff = tariffs.find((each) => each.direction === slot.direction && each.type === slot.type);
    const isWaiting = state === 'NOT_CONNECTED' && [...this.views.values()].some((session) =>
      session.location_id === location && session.state === 'pending' && slotOf(session) === slot);
    const opens = (label, title, request = {}, kind = 'secondary') => {
      const control = button(label, () => this.connect(title, {
        location_id: location, direction: slot.direction, type: slot.type, ...request,
      }, control), kind);
      control.setAttribute('aria-label', `${label}: ${slot.name}`);
      return control;
    };
    const edit = { action: 'edit' };
    const disconnects = () => {
      const control = button('Disconnect', async () => {
        if (await confirmed('Disconnect this tariff?', 'Your prices will no longer be known to this app.', 'Disconnect')) {
          this.connect(`Disconnect ${slot.short} tariff`, {
            location_id: location, direction: slot.direction, type: slot.type, action: 'disconnect',
          }, control, { place: 'modal' });
        }
      }, 'quiet');
      control.setAttribute('aria-label', `Disconnect: ${slot.name}`);
      return control;
    };
    const shownPrices = button('Prices', () => this.prices(location, slot, charts, shownPrices), 'secondary');
    shownPrices.setAttribute('aria-label', `Prices: ${slot.name}`);
    const [word, colour, buttons] = {
      CONNECTED: ['Connected', 'good', () => [
        slot.type === 'COMMODITY' && shownPrices,
        opens('View', `View ${slot.short} tariff`), opens('Edit', `Edit ${slot.short} tariff`, edit), disconnects(),
      ]],
      ERROR: ['Needs attention', 'bad', () => [
        opens('Reconnect', `Reconnect ${slot.short} tariff`, edit, 'primary'),
        opens('View', `View ${slot.short} tariff`), disconnects(),
      ]],
      NOT_CONNECTED: isWaiting
        ? ['Waiting for your provider', 'busy', () => [opens('View', `View ${slot.short} tariff`)]]
        : ['Not connected', 'calm', () => [opens(`Add ${slot.short} tariff`, `Add ${slot.short} tariff`)]],
    }[state] ?? [state, 'calm', () => [opens('View', `View ${slot.short} tariff`)]];
    if (state === 'CONNECTED' && slot.key === 'commodity_import') this.prices(location, slot, charts, shownPrices);
    return h('li', { class: 'slot', 'data-slot': slot.key, 'data-status': state },
      h('div', { class: 'slot-head' },
        status?.provider && logo(status.provider),
        h('div', { class: 'words' }, h('span', { class: 'title' }, slot.name),
          h('span', { class: 'hint' }, facts(status, tariff))),
        pill(word, colour)),
      h('div', { class: 'row' }, buttons()));
  }

  /**
   * The prices of today and tomorrow, by the calendar of the place.
   * @param isQuiet whether they are read without a click
   */
  async prices(location, slot, charts, control, isQuiet = false) {
    this.homes.get(location).redraw = () => this.prices(location, slot, charts, control, true);
    if (!isQuiet) control.disabled = true;
    const day = 24 * 3600_000;
    const now = Date.now();
    try {
      const answer = await service.prices(this.user.id, location, slot.direction, new Date(now - 2 * day), new Date(now + 3 * day));
      const rows = answer.data.map((row) => ({
        from: Date.parse(row.valid_from), to: Date.parse(row.valid_to), value: row.price.value,
      }));
      const zone = answer.location_timezone;
      const draw = (title, moment) => {
        const wanted = dayIn(zone, moment);
        return chart(title, rows.filter((row) => dayIn(zone, row.from) === wanted), answer.currency_code, clockOfZone(zone));
      };
      redrawTables(charts, [h('h3', {}, slot.direction === 'EXPORT' ? 'What you earn' : 'What you pay'),
        h('div', { class: 'charts' }, draw('Today', now), draw('Tomorrow', now + day))]);
    } catch (error) {
      // What is shown was true a moment ago.
      if (isQuiet) return;
      charts.replaceChildren();
      this.complain(error, () => this.prices(location, slot, charts, control));
    }
    control.disabled = false;
  }

  // MARK: - Live prices

  /** Follows the homes that are shown, as long as the page is visible. */
  follow() {
    const wanted = this.isStopped || document.hidden ? [] : [...this.known].slice(0, mostFollowed);
    for (const [id, home] of this.homes) {
      if (wanted.includes(id)) continue;
      home.following?.abort();
      home.following = undefined;
    }
    for (const id of wanted) {
      const home = this.homes.get(id);
      if (!home || home.following) continue;
      home.following = new AbortController();
      service.follow(this.user.id, id, (name) => this.changed(id, name), home.following.signal, home.seen);
    }
  }

  /** Reads again what an event says to be different now; an event has no prices in it. */
  changed(location, name) {
    if (this.isBusy) {
      this.isLate = true;
      return;
    }
    if (name === 'tariff.action_required') this.showPlaces();
    const home = this.homes.get(location);
    clearTimeout(home.timer);
    home.timer = setTimeout(async () => {
      if (this.isStopped) return;
      await Promise.all([home.redraw?.(), home.charging?.refresh()]);
      const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' }).format(Date.now());
      home.news.textContent = `Prices were read again at ${time}: they may have changed.`;
    }, settling);
  }

  // MARK: - Live state of sessions

  /** Asks how the open sessions stand, and again as long as one is open and the page is visible. */
  async poll() {
    clearTimeout(this.timer);
    // Under a dialog nothing is drawn anew, or the button to which the focus goes back would be gone.
    if (this.isCovered) return;
    const round = this.round = (this.round ?? 0) + 1;
    const known = memory.sessions(this.user.id);
    const before = JSON.stringify([...this.views.values()].map((view) => view.state));
    const hadBegun = this.views.size > 0;
    await Promise.all(known.map(async ({ id }) => {
      if (this.views.has(id) && isOver(this.views.get(id))) return;
      try {
        this.views.set(id, await service.session(this.user.id, id));
      } catch (error) {
        // A restart of `connect-bff dev` forgets everything; anything else will be asked again.
        if (error.code === 'not_found') memory.forget(this.user.id, id);
      }
    }));
    if (this.isStopped || this.isCovered || round !== this.round) return;
    const after = JSON.stringify([...this.views.values()].map((view) => view.state));
    if (before !== after) {
      this.drawSessions();
      // What is shown was read before this was known.
      const isNews = (view) => view.state === 'pending' || (view.location_id && !this.known.has(view.location_id));
      if (hadBegun || this.returned || [...this.views.values()].some(isNews)) this.showPlaces();
    }
    if ([...this.views.values()].some((view) => !isOver(view))) {
      this.timer = setTimeout(() => (document.hidden ? this.pollWhenSeen() : this.poll()), pollInterval);
    }
  }

  pollWhenSeen() {
    document.addEventListener('visibilitychange', () => { if (!this.isStopped) this.poll(); }, { once: true });
  }

  drawSessions() {
    const shown = memory.sessions(this.user.id).filter(({ id }) => this.views.has(id));
    this.recent.hidden = shown.length === 0;
    this.redraw(this.list, shown.map(({ id, title, request }) => {
      const view = this.views.get(id);
      const [word, , colour] = stateOf(view);
      const place = this.known.has(view.location_id) && { location_id: view.location_id };
      const again = button('Start again', () => this.connect(title, { ...request, ...place }, again, { replaces: id }));
      again.setAttribute('aria-label', `Start again: ${title}`);
      return h('li', { 'data-session': id, 'data-state': view.state },
        h('span', { class: 'title' }, title), pill(word, colour), isUnfinished(view) && again);
    }));
    const returned = this.views.get(this.returned);
    if (returned) {
      const [, sentence, colour] = stateOf(returned);
      if (this.banner.textContent !== sentence) {
        this.banner.replaceChildren(h('p', { class: `banner ${colour}` }, sentence));
      }
    }
  }
}

/** Statuses arrive with blanks behind them at times. */
const statusOf = (slot) => (slot?.status ?? 'NOT_SUPPORTED').trim();

function facts(status, tariff) {
  const name = [status?.provider?.display_name, status?.tariff?.display_name];
  const end = tariff?.contract_end_date && `until ${dateText(tariff.contract_end_date)}`;
  return [...new Set([...name, end].filter(Boolean))].join(' · ');
}
