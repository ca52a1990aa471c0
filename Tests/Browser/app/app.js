// An app that opens the hosted Connect page in each of its three ways, and shows how it ended.

import * as connect from './service.js';

window.connect = connect;
window.events = [];

const show = (result) => {
  window.result = result;
  document.getElementById('ending').textContent = result ? `${result.status ?? 'left'}` : '';
};

async function launch() {
  const answer = await fetch('/launch');
  return (await answer.json()).launchUrl;
}

for (const mode of ['modal', 'popup', 'redirect']) {
  document.getElementById(mode).onclick = async () => {
    try {
      show(await connect.open({ launchUrl: launch(), mode, onEvent: (event) => window.events.push(event) }));
    } catch (error) {
      window.failure = `${error.name}: ${error.message}`;
    }
  };
}

show(connect.resume());
document.documentElement.dataset.ready = '';
