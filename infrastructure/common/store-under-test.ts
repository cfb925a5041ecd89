/** A store opened for one test on a folder of its own, that can be closed and opened again on the same files. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Closable {
  close(): Promise<void>;
}

export interface StoreUnderTest<Store extends Closable> {
  readonly store: Store;
  /** Closes it and opens what it stored. `store` is another object afterwards. */
  reopen(): Promise<void>;
  /** Closes the store and removes what it stored. */
  dispose(): Promise<void>;
}

export type OpenStoreUnderTest<Store extends Closable> = () => Promise<StoreUnderTest<Store>>;

/** For adapters that keep one file: `open` gets its path. */
export function inTemporaryFolder<Store extends Closable>(
  open: (path: string) => Promise<Store>,
): OpenStoreUnderTest<Store> {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tradehall-store-'));
    const path = join(folder, 'store');
    const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
    let store = await open(path).catch(async (error: unknown) => {
      await remove();
      throw error;
    });
    return {
      get store() {
        return store;
      },
      async reopen() {
        await store.close();
        store = await open(path);
      },
      async dispose() {
        await store.close();
        await remove();
      },
    };
  };
}
