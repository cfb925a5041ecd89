/** The thread behind `seal-reader.ts`: fetches, and hashes what it has fetched, one round for each request. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { CommittedFetches, type FetchStart } from './committed-fetches.ts';
import { loadProtocolClient } from './protocol-client.ts';

assert(parentPort !== null, 'this file runs as a thread');
const port = parentPort;
const fetches = new CommittedFetches(await loadProtocolClient(), workerData as FetchStart);
port.on('message', async () => port.postMessage(await fetches.round()));
