/** deploy/compose, which tests cannot run, is at least what the cluster test runs, and what the program understands. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { optionGroups, targetNames } from '#composition/targets.ts';
import { environmentNameOf, resolveConfiguration } from '#infrastructure/core/configuration.ts';
import { FIFTEEN, REACHED, SERVERS } from './layout.ts';

interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly deploy?: { readonly replicas: number };
  readonly healthcheck?: object;
  readonly depends_on?: object;
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly tmpfs?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly networks: readonly string[];
  readonly ports?: readonly string[];
  readonly secrets?: readonly unknown[];
}

const FOLDER = join(import.meta.dirname, '../../deploy/compose');
const text = readFileSync(join(FOLDER, 'compose.yaml'), 'utf8');
const compose = parse(text, { merge: true }) as {
  readonly services: Readonly<Record<string, Container>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: object;
};
const containers = Object.entries(compose.services);
const ours = containers.filter(([, { command }]) => command?.[0] === 'start');
const servers = containers.filter(([, { image }]) => !image.startsWith('tradehall:'));

test('the containers run the targets of the cluster test, as many of each', () => {
  const started = ours.map(([, { command = [], deploy }]) => [command[1], deploy?.replicas ?? 1]);
  const expected = FIFTEEN.map(({ target, count }) => [target, count]);
  assert.deepEqual(started.sort(), expected.sort());
  assert.deepEqual(ours.map(([, { command = [] }]) => command[1]).sort(), targetNames().toSorted());
});

test('every variable is an option, with a value that it takes, and ports are on the servers of the cluster test', () => {
  for (const [name, { environment = {} }] of ours) {
    const given = Object.fromEntries(
      Object.entries(environment)
        .filter(([variable]) => variable.startsWith('TRADEHALL_'))
        .map(([variable, value]) => [variable, String(value)]),
    );
    assert.match(given['TRADEHALL_SERVICE_KEYS'] ?? '', /^\$\{TRADEHALL_SERVICE_KEYS:\?/);
    const resolved = resolveConfiguration(
      optionGroups.map(({ options }) => options),
      {
        flags: {},
        environment: { ...given, TRADEHALL_SERVICE_KEYS: `k1:${'0'.repeat(64)}` },
        file: {},
      },
    );
    assert.deepEqual(resolved.kind === 'refused' ? resolved.refusals : [], [], name);
    for (const option of Object.keys(SERVERS)) {
      assert.match(
        given[environmentNameOf(option)] ?? '',
        /^[a-z]+:\/\//,
        `${name} has ${option} on a server`,
      );
    }
  }
});

test('gateways name every service that is reached, by the container that runs it', () => {
  const gateway = compose.services['api-gateway'];
  for (const [target, variable] of Object.entries(REACHED)) {
    assert.equal(gateway?.environment?.[variable], `http://${target}:8080`);
    assert.ok(target in compose.services);
  }
});

test('what believes X-Forwarded-For is reached from this machine only, and so by others through a proxy', () => {
  for (const [name, { ports = [] }] of containers) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name);
  }
});

test('servers have exact versions and health checks; ours wait for them, write nowhere and are alone with them', () => {
  for (const [name, { image, healthcheck }] of servers) {
    assert.match(image, /:[0-9]+\.[0-9.]+[a-z0-9.-]*$/, `${name}: ${image}`);
    // The emulator's image has nothing to ask it with.
    if (name !== 'dynamodb') assert.ok(healthcheck !== undefined, `${name} has a health check`);
  }
  for (const [name, { read_only: readOnly, depends_on: needs, networks }] of ours) {
    assert.equal(readOnly, true);
    assert.deepEqual(
      Object.keys(needs ?? {}).sort(),
      [...servers.map(([server]) => server), 'prepare'].sort(),
    );
    assert.deepEqual(networks, name === 'api-gateway' ? ['inside', 'outside'] : ['inside']);
  }
  assert.equal(compose.networks['inside']?.internal, true);
});

/** They fill stores from the log, and note what a store consists of. */
const FILLING = ['portfolio', 'trade-persistence'];

test('who fills stores keeps its notes of them over a restart; other data folders are in memory, for any user to write', () => {
  const withTradehall = containers.filter(
    ([, { image, profiles }]) => image.startsWith('tradehall:') && profiles === undefined,
  );
  for (const [name, { tmpfs = [], volumes = [] }] of withTradehall) {
    const keeps = FILLING.includes(name);
    // Engines give a folder in memory to root.
    assert.deepEqual(tmpfs, keeps ? ['/tmp'] : ['/tmp', '/data:mode=1777'], name);
    // Without a name: each of several containers has one of its own.
    assert.deepEqual(volumes, keeps ? ['/data'] : [], name);
  }
});

test('the proof reads the log of the others and copies it to a volume that the user of the image may write to', () => {
  const { verify, 'trade-execution': execution } = compose.services;
  const { TMPDIR: folder, ...environment } = verify?.environment ?? {};
  assert.deepEqual(environment, execution?.environment);
  assert.deepEqual(verify?.command, ['verify', '--deep']);
  const [volume = '', at] = verify?.volumes?.[0]?.split(':') ?? [];
  assert.equal(at, folder);
  assert.ok(volume in compose.volumes);
  assert.match(
    readFileSync(join(FOLDER, 'Dockerfile'), 'utf8'),
    new RegExp(`install -d -o tradehall -g tradehall -m 1777 .*${folder}\\b`),
  );
  // `up` leaves it alone; it is run by the words of the README.
  assert.deepEqual(verify?.profiles, ['verify']);
  assert.match(
    readFileSync(join(FOLDER, 'README.md'), 'utf8'),
    /^docker compose run --rm --no-deps verify$/m,
  );
});

test('the table is tried again when its server is not up yet, for which nothing waits', () => {
  assert.match(compose.services['prepare']?.restart ?? '', /^on-failure:[0-9]+$/);
});

test('secrets are mounted as the files they are, since compose heeds neither owner nor mode of a file', () => {
  for (const [name, { secrets = [], environment = {} }] of containers) {
    for (const secret of secrets) assert.equal(typeof secret, 'string', name);
    // Its image takes a file of mode 400 or 600 only, which its own user could not read.
    assert.equal(environment['ELASTIC_PASSWORD_FILE'], undefined);
  }
});

test('no password is written down', () => {
  for (const [name, { environment = {} }] of containers) {
    for (const [variable, value] of Object.entries(environment)) {
      if (!/PASSWORD|SECRET|KEY/.test(variable)) continue;
      // What the emulator of DynamoDB takes is no secret.
      assert.match(String(value), /^(\/run\/secrets\/|\$\{\w+:\?|local$)/, `${name}: ${variable}`);
    }
  }
});
