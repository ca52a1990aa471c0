// The TypeScript library behind the protocol of Tests/Clients/README.md.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { ConnectClient, ConnectError } from '../../../clients/typescript/index.js';

const { CONNECT_URL: baseURL, CONNECT_BEARER_FILE: bearerFile, CONNECT_RETURN_URL: returnURL } = process.env;

const client = new ConnectClient({ baseURL, getToken: async () => readFileSync(bearerFile, 'utf8') });
/** What an `abort` and a `returned` are for, by the id of a command. */
const controllers = new Map();
const pages = new Map();

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** The methods by operation; what is left of the parameters is the query. */
const operations = {
  mintSession: (_, body, options) => client.mint(body, options),
  readSession: ({ id }, _, options) => client.session(id, options),
  confirmSession: ({ id }, { code }, options) => client.confirm(id, code, options),
  followSession: ({ id }, _, options) => client.followSession(id, options),
  listLocations: (_, __, options) => client.locations(options),
  readLocation: ({ id }, _, options) => client.location(id, options),
  forgetLocation: ({ id }, _, options) => client.forgetLocation(id, options),
  followLocation: ({ id }, _, options) => client.followLocation(id, options),
  readLocationStatus: ({ id }, _, options) => client.locationStatus(id, options),
  listTariffs: ({ location_id: id, ...query }, _, options) => client.tariffs(id, query, options),
  readPrices: ({ id, ...query }, _, options) => client.prices(id, query, options),
  scheduleByDuration: ({ id, ...query }, _, options) => client.scheduleByDuration(id, query, options),
  scheduleByLimit: ({ id, ...query }, _, options) => client.scheduleByLimit(id, query, options),
  scheduleByAmount: ({ id }, body, options) => client.scheduleByAmount(id, body, options),
  readCosts: ({ id, ...query }, _, options) => client.costs(id, query, options),
  readSessionCosts: ({ id, ref, ...query }, _, options) => client.sessionCosts(id, ref, query, options),
  simulateCost: ({ id }, body, options) => client.simulateCost(id, body, options),
  putMeterIntervals: ({ id }, body, options) => client.putMeterIntervals(id, body, options),
  putMeterReadings: ({ id }, body, options) => client.putMeterReadings(id, body, options),
  readMeterBatch: ({ id, batch }, _, options) => client.meterBatch(id, batch, options),
  listDevices: ({ id }, _, options) => client.devices(id, options),
  createDevice: ({ id }, body, options) => client.createDevice(id, body, options),
  deleteDevice: ({ id, device }, _, options) => client.deleteDevice(id, device, options),
};

const connect = (id, body, options) => client.connect({ return_url: returnURL, ...body }, {
  ...options,
  present: (launchURL) => {
    say({ id, open: launchURL });
    return new Promise((resolve) => { pages.set(id, resolve); });
  },
});

async function run({ id, do: name, params = {}, body }) {
  const controller = new AbortController();
  controllers.set(id, controller);
  const options = { signal: controller.signal };
  try {
    let value = name === 'connect' ? connect(id, body, options) : operations[name](params, body, options);
    if (Symbol.asyncIterator in value) {
      for await (const event of value) say({ id, event });
      value = null;
    }
    say({ id, ok: await value ?? null });
  } catch (error) {
    if (error instanceof ConnectError) {
      const { code, status, requestId } = error;
      say({ id, error: { code, status, requestId } });
    } else if (error.name === 'AbortError') {
      say({ id, error: { code: 'cancelled', status: 0 } });
    } else {
      throw error;
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.do === 'abort') controllers.get(command.to).abort();
  else if (command.do === 'returned') pages.get(command.to)(command.url);
  else run(command);
}
// What still follows does not keep it.
process.exit(0);
