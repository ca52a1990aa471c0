// What index.d.ts and react.d.ts declare is what index.js and react.js have. It never runs.

import * as declared from './index.js';
import * as written from './written/index.js';
import type { useConnect as declaredHook } from './react.js';
import { useConnect as writtenHook } from './written/react.js';

export const values: typeof declared = written;
export const hook: typeof declaredHook = writtenHook;

type Same<One, Other> = [keyof One, keyof Other] extends [keyof Other, keyof One] ? true : never;
export const members: Same<declared.ConnectClient, written.ConnectClient> = true;
export const facts: Same<declared.ConnectError, written.ConnectError> = true;
export const exported: Same<typeof declared, typeof written> = true;
