/** The ways in which a server goes away, or is there and does not serve. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ServerName } from '../../scripts/dev-servers/recipes.ts';
import { processStartTime } from '../../scripts/dev-servers/server-process.ts';
import { eventually } from '../e2e/eventually.ts';
import { fillDisk, type SmallDisk } from '../e2e/small-disk.ts';
import type { Fault } from './outage.ts';
import type { ProxiedServer } from './proxied-servers.ts';

export const FAULT_KINDS = ['killed', 'refuse', 'silent', 'slow', 'cut', 'locked', 'full'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** `null` where that server has no such fault here. */
export function faultOf(kind: FaultKind, server: ProxiedServer): Fault | null {
  const { process: its, proxy, name } = server;
  switch (kind) {
    case 'killed':
      return { name: 'killed', begin: () => its.kill(), end: () => its.startAgain() };
    case 'locked':
      return LOCKS[name]?.(server) ?? null;
    case 'full':
      if (name === 'redis') return fullMemory(server);
      if (name === 'opensearch' || name === 'elasticsearch') return pastWatermark(server);
      return server.disk === null ? null : fullDisk(server, server.disk);
    default:
      return { name: kind, begin: () => proxy.change(kind), end: () => proxy.change('pass') };
  }
}

/** The password is another one, and who is in is thrown out. */
const LOCKS: { readonly [Name in ServerName]?: (server: ProxiedServer) => Fault } = {
  redis: (server) => ({
    name: 'locked',
    begin: () =>
      tellRedis(
        server,
        passwordOf(server),
        'CONFIG SET requirepass another',
        'CLIENT KILL TYPE pubsub',
        'CLIENT KILL TYPE normal',
      ),
    end: () => tellRedis(server, 'another', `CONFIG SET requirepass ${passwordOf(server)}`),
  }),
  postgres: ({ process: its }) => {
    const rules = join(its.folder, 'data', 'pg_hba.conf');
    const former = readFileSync(rules, 'utf8');
    return {
      name: 'locked',
      async begin() {
        writeFileSync(rules, 'host all all 127.0.0.1/32 reject\n');
        await its.kill();
        await its.startAgain();
      },
      async end() {
        writeFileSync(rules, former);
        process.kill(its.processId, 'SIGHUP');
      },
    };
  },
};

/** No more than it holds already. */
function fullMemory(server: ProxiedServer): Fault {
  const password = passwordOf(server);
  return {
    name: 'full',
    begin: () => tellRedis(server, password, 'CONFIG SET maxmemory 1mb'),
    end: () => tellRedis(server, password, 'CONFIG SET maxmemory 0'),
  };
}

/**
 * Kafka ends at the first record that it has no room for, since it trusts a folder no longer that failed once; the others
 * go on, with what they hold. What keeps servers running starts one again that has ended.
 */
function fullDisk({ process: its, name }: ProxiedServer, disk: SmallDisk): Fault {
  const ballast = join(disk.pathFromOutside, 'ballast');
  const hasEnded = (): boolean => processStartTime(its.processId) === null;
  return {
    name: 'disk full',
    ...(name === 'kafka' ? {} : { stillReads: true }),
    async begin() {
      fillDisk(ballast);
      if (name === 'kafka') await eventually('Kafka has ended', async () => (hasEnded() ? true : null));
    },
    async end() {
      rmSync(ballast);
      if (hasEnded()) await its.startAgain();
    },
  };
}

/** No disk has as much room as is wanted here, so that the server lets nothing be written to its indices, until it looks again. */
function pastWatermark({ process: its }: ProxiedServer): Fault {
  const wanted = '1000000gb';
  const ask = async (method: 'GET' | 'PUT', path: string, body?: object): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${its.port}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return text;
  };
  const set = (room: string | null) =>
    ask('PUT', '/_cluster/settings', {
      persistent: {
        'cluster.info.update.interval': '10s',
        'cluster.routing.allocation.disk.threshold_enabled': true,
        'cluster.routing.allocation.disk.watermark.low': room,
        'cluster.routing.allocation.disk.watermark.high': room,
        'cluster.routing.allocation.disk.watermark.flood_stage': room,
      },
    });
  return {
    name: 'disk past its watermark',
    async begin() {
      await set(wanted);
      await eventually('the indices are blocked', async () =>
        (await ask('GET', '/_all/_settings')).includes('read_only_allow_delete') ? true : null,
      );
    },
    async end() {
      await set('1b');
    },
  };
}

function passwordOf({ url }: ProxiedServer): string {
  return new URL(url).password;
}

/** Past the proxy. */
async function tellRedis(
  { process: its }: ProxiedServer,
  password: string,
  ...commands: readonly string[]
): Promise<void> {
  const socket = connect(its.port, '127.0.0.1').setEncoding('utf8');
  await once(socket, 'connect');
  for (const command of [`AUTH ${password}`, ...commands]) {
    const answered = once(socket, 'data');
    socket.write(`${command}\r\n`);
    const [answer] = await answered;
    assert.match(String(answer), /^[+:]/, command);
  }
  socket.destroy();
}
