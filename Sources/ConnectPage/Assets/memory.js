// What this tab knows of its session: in sessionStorage, which ends with the tab and which no other tab reads, or in
// memory alone where the browser refuses storage (blocked, or a partition without). A duplicated tab starts with a
// copy, so it goes on with the same session, which Connect allows.

/** One key for each service of an origin: several can share it under path prefixes. */
const base = new URL('../../..', import.meta.url).pathname;

/** Each field with the texts that it can hold; anything else in the storage is ignored. */
const fields = {
  /** The key of this document for tickets: 128 random bits. */
  tab: /^[\w-]{22}$/,
  /**
   * A ticket that is not exchanged yet, with its marks: the answer may be lost, and a reload asks again. Until then the
   * other fields are those of the session before.
   */
  ticket: /^[\w-]{1,128}\.[\w-]{22}(&shell=1)?(&handed=1)?$/,
  /** The connect token. */
  token: /^[\w-]{1,128}$/,
  /** The id of the session. */
  session: /^[\w-]{1,128}$/,
  language: /^[a-z]{2}$/,
  /** Set in the web view of a native app. */
  shell: /^1$/,
  /** Set in the window of a provider login: it closes when the login is over. */
  popup: /^1$/,
  /** Set once Connect has answered: from then on the session is resumed, and not started. */
  started: /^1$/,
  /** Set where a frame handed its session over, because its login window was blocked. */
  handed: /^1$/,
  /** Set where the end of the session needs the tab's key, for a code. */
  confirms: /^1$/,
  /** The callback of a session that is over, for whoever comes back to its entry of the history. */
  ended: /^https?:[\x21-\x7e]{1,2000}$/,
};

/** The known and well-formed fields of a stored text. */
export function parse(text) {
  let stored;
  try {
    stored = JSON.parse(text);
  } catch {
    // Not written by this page.
  }
  return stored && typeof stored === 'object' ? known(stored) : {};
}

function known(values) {
  const isKnown = ([name, value]) =>
    Object.hasOwn(fields, name) && typeof value === 'string' && fields[name].test(value);
  return Object.fromEntries(Object.entries(values).filter(isKnown));
}

/** 128 random bits as 22 characters of base64url. */
export function randomKey(bytes = crypto.getRandomValues(new Uint8Array(16))) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export class TabMemory {
  #storage;
  #key;
  #values = {};

  /** @param storage returns the storage, or throws where the browser refuses it */
  constructor(storage, key) {
    this.#key = key;
    try {
      this.#storage = storage();
      const text = this.#storage.getItem(key);
      // Some browsers hand out a storage that takes nothing.
      this.#storage.setItem(key, text ?? '{}');
      this.#values = parse(text ?? '{}');
    } catch {
      this.#storage = undefined;
    }
  }

  /** Whether what is kept is still there after a reload, or after a visit to another site. */
  get isKept() { return this.#storage !== undefined; }

  get values() { return { ...this.#values }; }

  /** Sets fields; `undefined` removes one. */
  write(changes) { this.#save({ ...this.#values, ...changes }); }

  /** Forgets everything but the tab's key and the language, then sets fields. */
  begin(changes) {
    const { tab, language } = this.#values;
    this.#save({ tab, language, ...changes });
  }

  /** The tab's key, made at the first call and kept before it is used. */
  tabKey(make = randomKey) {
    if (!this.#values.tab) this.write({ tab: make() });
    return this.#values.tab;
  }

  #save(values) {
    this.#values = known(values);
    try {
      this.#storage?.setItem(this.#key, JSON.stringify(this.#values));
    } catch {
      // Full, or refused meanwhile: what is stored would be a past state, which is worse than none.
      try {
        this.#storage.removeItem(this.#key);
      } catch {
        // Then it cannot be read either.
      }
      this.#storage = undefined;
    }
  }
}

export const memory = new TabMemory(() => sessionStorage, `connect-bff:${base}`);
