export { ConnectClient, ConnectError } from './client.js';
