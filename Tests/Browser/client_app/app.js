// An app of another origin that uses clients/typescript, from its files as they are.

import { ConnectClient } from './client/index.js';

const { service } = await (await fetch('/settings')).json();
const client = new ConnectClient({ baseURL: service, getToken: async () => (await fetch('/token')).text() });

window.client = client;
window.events = [];

async function show(session) {
  document.getElementById('ending').textContent = session?.state ?? '';
  if (session?.location_id) {
    const { data } = await client.prices(session.location_id, { end_time: new Date(Date.now() + 3_600_000).toISOString() });
    window.price = data[0].price.value;
  }
  window.session = session;
}

for (const mode of ['modal', 'redirect']) {
  document.getElementById(mode).onclick = async () => {
    window.controller = new AbortController();
    try {
      await show(await client.connect({ return_url: `${location.origin}/` }, {
        mode, signal: window.controller.signal, onEvent: ({ type }) => window.events.push(type),
      }));
    } catch (error) {
      document.getElementById('ending').textContent = error.name;
    }
  };
}

await show(await client.resume());
document.documentElement.dataset.ready = '';
