// What this app remembers, for all its tabs: who is signed in, and the sessions that they began. Ids are no secrets, since
// only their owner can read them. Neither a connect token nor a launch URL is ever kept.

export const users = [
  { id: 'amira', name: 'Amira Haddad', text: 'Rents a flat in London' },
  { id: 'ben', name: 'Ben Visser', text: 'Drives electric in Utrecht' },
  { id: 'chloe', name: 'Chloé Martin', text: 'Has solar panels in Ajaccio' },
];

export const user = () => users.find((each) => each.id === localStorage.getItem('user'));

export const signIn = (id) => localStorage.setItem('user', id);

export const signOut = () => localStorage.removeItem('user');

// The sessions that a user has begun, the newest first.

const kept = 4;

export const sessions = (owner) => JSON.parse(localStorage.getItem(`sessions:${owner}`) ?? '[]');

const save = (owner, list) => localStorage.setItem(`sessions:${owner}`, JSON.stringify(list.slice(0, kept)));

/**
 * @param title what the customer wanted
 * @param request what the mint asked for, to ask for it again
 */
export const remember = (owner, { id, title, request }) =>
  save(owner, [{ id, title, request }, ...sessions(owner).filter((each) => each.id !== id)]);

export const forget = (owner, id) => save(owner, sessions(owner).filter((each) => each.id !== id));

// The charges at a home, the newest first.

export const charges = (location) => JSON.parse(localStorage.getItem(`charges:${location}`) ?? '[]');

/** @param reference the name under which the meter's records were sent */
export const rememberCharge = (location, reference) =>
  localStorage.setItem(`charges:${location}`, JSON.stringify([reference, ...charges(location)].slice(0, kept)));

// How the customer likes Connect to open.

const standard = { place: 'modal', language: '', tariffName: false, contractTerm: false };

export const options = () => ({ ...standard, ...JSON.parse(localStorage.getItem('options') ?? '{}') });
export const saveOptions = (chosen) => localStorage.setItem('options', JSON.stringify(chosen));
