/** Where a bench trades: never on a server that it was not told to use. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DATA_PATHS } from '#composition/data-paths.ts';
import { TOPIC } from '#domain/data/topics.ts';
import { openLogArchiveFromDirectory } from '#infrastructure/event-log/sqlite/directory-archive.ts';
import { UsageError } from '../terminal.ts';
import { embeddedPlace, serverOf, serversPlace, withLogOfItsOwn } from './bench-place.ts';
import { benchFolder, startBenchProgram } from './bench-program.ts';

const KAFKA = 'kafka://ada:geheim@one:9092,two:9092/live?tls=true';
const SHELL = {
  PATH: '/bin',
  AWS_ACCESS_KEY_ID: 'local',
  TRADEHALL_EVENT_LOG: KAFKA,
  TRADEHALL_DATABASE: 'postgres://ada@db:5432/live',
  TRADEHALL_DATABASE_PASSWORD_FILE: '/etc/secret',
  TRADEHALL_FEE_RATE: '0.5',
  TRADEHALL_DATA: '/var/lib/live',
};

describe('embedded', () => {
  test('no option comes from the environment, and everything else does', () => {
    const { environment, options } = embeddedPlace(SHELL);
    assert.deepEqual(environment, { PATH: '/bin', AWS_ACCESS_KEY_ID: 'local' });
    assert.deepEqual(options, []);
  });

  test('the program under load trades in its own folder, whatever servers the shell names', async () => {
    const folder = benchFolder();
    try {
      // Nobody is there: the program could not start on it.
      process.env['TRADEHALL_EVENT_LOG'] = 'kafka://127.0.0.1:1';
      const program = await startBenchProgram(folder.path, ['--feed', 'none'], embeddedPlace(process.env));
      await program.operator.call('POST', '/operator/accounts', { name: 'Ada', cash: '10' });
      await program.stop();
      const archive = openLogArchiveFromDirectory(join(folder.path, DATA_PATHS.log));
      const orders = archive.partitions().filter(({ topic }) => topic === TOPIC.tradeOrders);
      archive.close();
      assert(orders.some(({ nextOffset }) => nextOffset > 0));
    } finally {
      delete process.env['TRADEHALL_EVENT_LOG'];
      folder.remove();
    }
  });
});

describe('on servers', () => {
  test('what names servers is passed on, and no other option', () => {
    const { environment, options } = serversPlace(SHELL);
    assert.deepEqual(environment, {
      PATH: '/bin',
      AWS_ACCESS_KEY_ID: 'local',
      TRADEHALL_EVENT_LOG: KAFKA,
      TRADEHALL_DATABASE: 'postgres://ada@db:5432/live',
      TRADEHALL_DATABASE_PASSWORD_FILE: '/etc/secret',
    });
    assert.deepEqual(options, ['event_log', 'database']);
  });

  test('each log on Kafka is another one, and never the one that was named', () => {
    const place = serversPlace(SHELL);
    const urls = [place, place].map((each) => withLogOfItsOwn(each).environment['TRADEHALL_EVENT_LOG'] ?? '');
    for (const url of urls)
      assert.match(url, /^kafka:\/\/ada:geheim@one:9092,two:9092\/bench-[0-9a-f]{8}\?tls=true$/);
    assert.notEqual(urls[0], urls[1]);
    const without = serversPlace({ TRADEHALL_EVENT_LOG: 'kafka://one' });
    const address = serverOf(withLogOfItsOwn(without), 'event_log')?.address;
    assert.match(address?.path ?? '', /^bench-/);
    assert.deepEqual(address?.hosts, [{ host: 'one', port: 9_092 }]);
  });

  test('an embedded option is no server, and a shell without any is refused with what helps', () => {
    assert.equal(serverOf(serversPlace(SHELL), 'cache'), null);
    for (const shell of [{}, { TRADEHALL_EVENT_LOG: 'file:', TRADEHALL_CACHE: '' }]) {
      assert.throws(
        () => serversPlace(shell),
        (error) => {
          assert(error instanceof UsageError);
          assert.match(error.message, /names no server \(TRADEHALL_EVENT_LOG,.* `scripts\/servers up`/);
          return true;
        },
      );
    }
  });

  test('a URL that is not understood is refused by its name, without its password', () => {
    assert.throws(
      () => serversPlace({ TRADEHALL_CACHE: 'redis://:geheim@one,two' }),
      (error) => {
        assert(error instanceof UsageError);
        assert.match(error.message, /^TRADEHALL_CACHE names more than one host/);
        assert.doesNotMatch(error.message, /geheim/);
        return true;
      },
    );
  });
});
