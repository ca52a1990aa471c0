// An app's code, which compiles under `strict`, with no types but the package's and the platform's. It never runs.

import { ConnectClient, ConnectError } from 'connect-bff-client';
import type { ErrorCode, Present, Prices, Session } from 'connect-bff-client';
import { useConnect } from 'connect-bff-client/react';

const present: Present = async (launchURL, { signal }) => (signal?.aborted ? null : launchURL);
export const client = new ConnectClient({ baseURL: 'https://api.example.com', getToken: async () => 'token', present });

export async function connect(): Promise<string> {
  const { signal } = new AbortController();
  try {
    const session: Session = await client.connect({ direction: 'IMPORT' }, { mode: 'modal', signal });
    if (session.state === 'pending') {
      for await (const { state, location_id: location } of client.followSession(session.id, { signal })) {
        if (state === 'connected' && location) return location;
      }
    }
    // A state of a later release is a string.
    const state: string = session.state;
    return state;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const { code, requestId, retryAfter }: { code: ErrorCode; requestId: string | null; retryAfter: number | null } = error;
    if (code === 'rate_limited') return `Try again in ${retryAfter ?? 1} seconds`;
    return code === 'a_code_of_a_later_release' ? 'later' : `Report ${requestId}`;
  }
}

export async function read(location: string): Promise<number | undefined> {
  const { data }: Prices = await client.prices(location, { end_time: '2026-11-24T00:00:00Z' });
  const { data: tariffs } = await client.tariffs(location, { direction: 'IMPORT', limit: 1 });
  await client.createDevice(location, { type: 'EV_CHARGER' }, { idempotencyKey: 'tap-1' });
  return tariffs[0]?.contract_end_date === null ? undefined : data[0]?.price?.value;
}

export function Button(): string {
  const { status, session, error, connect: start, cancel } = useConnect(client, { mode: 'popup' });
  void start({ language: 'de' }).then((ended) => ended?.state);
  cancel();
  return error instanceof ConnectError ? error.code : session?.state ?? status;
}

// What must not compile.

// @ts-expect-error: an address is needed
void new ConnectClient({});
// @ts-expect-error: `modal`, `popup` or `redirect`
void client.connect({}, { mode: 'tab' });
// @ts-expect-error: a request has no other fields
void client.connect({ currency: 'GBP' });
// @ts-expect-error: prices need an end
void client.prices('loc_1', {});
// @ts-expect-error: it may be absent
void client.session('cs_1').then(({ location_id: location }) => location.length);
