// Browsers and Node. native.js is for React Native, whose bundler takes no script by its address.

import { ConnectClient as Client } from './client.js';

export { ConnectError } from './client.js';

export class ConnectClient extends Client {
  constructor(options) {
    super(options, (address) => import(/* @vite-ignore */ /* webpackIgnore: true */ address));
  }
}
