// What this page remembers. Connect tokens stay in the tab (sessionStorage), since whoever holds one can go on with the
// session; the ids of sessions are for all tabs (localStorage), since only their owner can read them.

export const users = [
  { id: 'amira', name: 'Amira Haddad', text: 'Rents a flat in London' },
  { id: 'ben', name: 'Ben Visser', text: 'Drives electric in Utrecht' },
  { id: 'chloe', name: 'Chloé Martin', text: 'Has solar panels in Ajaccio' },
];

export const user = () => users.find((each) => each.id === localStorage.getItem('user'));

export const signIn = (id) => localStorage.setItem('user', id);

export function signOut() {
  localStorage.removeItem('user');
  sessionStorage.clear();
}

// The flow that is open in this tab.

export const openFlow = (token) => sessionStorage.setItem('flow', token);
export const flow = () => sessionStorage.getItem('flow');
export const closeFlow = () => sessionStorage.removeItem('flow');

// The sessions that a user has begun, the newest first.

const kept = 4;

export const sessions = (owner) => JSON.parse(localStorage.getItem(`sessions:${owner}`) ?? '[]');

const save = (owner, list) => localStorage.setItem(`sessions:${owner}`, JSON.stringify(list.slice(0, kept)));

/** @param title what the customer wanted */
export function remember(owner, { id, token, title }) {
  save(owner, [{ id, title }, ...sessions(owner)]);
  sessionStorage.setItem(id, token);
}

/** The token, where this tab has it. */
export const tokenOf = (id) => sessionStorage.getItem(id) ?? undefined;

export const forgetToken = (id) => sessionStorage.removeItem(id);

export function forget(owner, id) {
  save(owner, sessions(owner).filter((each) => each.id !== id));
  forgetToken(id);
}

// How the customer likes Connect to open.

const standard = { app: 'page', tariffName: false, contractTerm: false };

export const options = () => ({ ...standard, ...JSON.parse(localStorage.getItem('options') ?? '{}') });
export const saveOptions = (chosen) => localStorage.setItem('options', JSON.stringify(chosen));
