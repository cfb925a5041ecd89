/** A service believes what a gateway signed, for this request, this instance, once, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Principal } from '#infrastructure/core/http.ts';
import {
  createCallerSigner,
  createCallerVerifier,
  type ServiceKey,
  type SignedRequest,
  sha256Of,
} from './caller-signature.ts';

const KEY: ServiceKey = { keyId: 'k1', secret: 'a'.repeat(32) };
const OTHER: ServiceKey = { keyId: 'k2', secret: 'b'.repeat(32) };
const INSTANCE = 'one';

function world() {
  let nowMs = 1_000_000;
  let seed = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const randomness = {
    bytes: (length: number) => {
      seed += 1;
      return Buffer.alloc(length).fill(`${seed}-`);
    },
    fraction: () => 0,
  };
  return {
    clock,
    signer: (key: ServiceKey) => createCallerSigner(key, { clock, randomness }),
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
  };
}

const requests: fc.Arbitrary<SignedRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'DELETE'),
  target: fc.webPath().map((path) => `/${path}`),
  requestId: fc.uuid(),
  body: fc.string(),
});
const principals: fc.Arbitrary<Principal | null> = fc.oneof(
  fc.constant(null),
  fc.constant<Principal>({ kind: 'operator' }),
  fc
    .tuple(fc.string(), fc.uuid())
    .map(([keyId, accountId]): Principal => ({ kind: 'api-key', keyId, accountId })),
);

test('what was signed is believed once, with the principal and the hash of the body', () => {
  fc.assert(
    fc.property(requests, principals, (request, principal) => {
      const { clock, signer } = world();
      const verifier = createCallerVerifier([KEY], INSTANCE, clock);
      const header = signer(KEY).sign(principal, request, INSTANCE);
      assert.deepEqual(verifier.verify(header, request), {
        kind: 'believed',
        principal,
        bodySha256: sha256Of(request.body),
      });
      assert.equal(verifier.verify(header, request).kind, 'refused', 'a second time');
    }),
  );
});

test('one changed character of the header, or another request, is refused', () => {
  fc.assert(
    fc.property(
      requests,
      principals,
      fc.nat(),
      fc.constantFrom('a', 'B', '0', ';'),
      (request, principal, at, put) => {
        const { clock, signer } = world();
        const verifier = createCallerVerifier([KEY], INSTANCE, clock);
        const header = signer(KEY).sign(principal, request, INSTANCE);
        const place = at % header.length;
        const changed = header.slice(0, place) + put + header.slice(place + 1);
        // The last character of base64url carries two bits that mean nothing.
        if (changed !== header && place < header.length - 1)
          assert.equal(verifier.verify(changed, request).kind, 'refused');
        const others = [
          { ...request, method: 'PATCH' },
          { ...request, target: `${request.target}x` },
          { ...request, requestId: 'another' },
        ];
        for (const other of others) assert.equal(verifier.verify(header, other).kind, 'refused');
        assert.equal(verifier.verify(header, request).kind, 'believed');
      },
    ),
  );
});

test('no text is a signature', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.anything()), requests, (header, request) => {
      const { clock } = world();
      assert.equal(createCallerVerifier([KEY], INSTANCE, clock).verify(header, request).kind, 'refused');
    }),
  );
});

const REQUEST: SignedRequest = { method: 'GET', target: '/v1/orders', requestId: 'r', body: '' };

test('what was signed for another instance is refused: a restart draws a new id', () => {
  const { clock, signer } = world();
  const header = signer(KEY).sign(null, REQUEST, 'before the restart');
  assert.equal(createCallerVerifier([KEY], INSTANCE, clock).verify(header, REQUEST).kind, 'refused');
});

test('keys rotate: a new one is believed before it signs, an old one until it is taken away', () => {
  const { clock, signer } = world();
  const during = createCallerVerifier([OTHER, KEY], INSTANCE, clock);
  assert.equal(during.verify(signer(KEY).sign(null, REQUEST, INSTANCE), REQUEST).kind, 'believed');
  assert.equal(during.verify(signer(OTHER).sign(null, REQUEST, INSTANCE), REQUEST).kind, 'believed');
  const after = createCallerVerifier([OTHER], INSTANCE, clock);
  assert.equal(after.verify(signer(KEY).sign(null, REQUEST, INSTANCE), REQUEST).kind, 'refused');
});

test('a signature is not believed after ten seconds, and not a second time before', () => {
  fc.assert(
    fc.property(fc.nat(90_000), fc.array(fc.nat(15_000), { maxLength: 12 }), (ageMs, pauses) => {
      const { clock, signer, pass } = world();
      const verifier = createCallerVerifier([KEY], INSTANCE, clock);
      // So that the generations of nonces turn while the signature is believed.
      pass(ageMs);
      const header = signer(KEY).sign(null, REQUEST, INSTANCE);
      const signedAtMs = clock.nowMs();
      let believed = 0;
      for (const pause of pauses) {
        pass(pause);
        const { kind } = verifier.verify(header, REQUEST);
        if (kind === 'believed') {
          believed += 1;
          assert.ok(clock.nowMs() - signedAtMs <= 10_000);
        }
        // Others come in between, so that generations of nonces turn.
        verifier.verify(signer(KEY).sign(null, REQUEST, INSTANCE), REQUEST);
      }
      assert.ok(believed <= 1);
    }),
    { examples: [[29_000, [0, 2_000]]] },
  );
});

test('no field of a signature goes with those of another', () => {
  const { clock, signer, pass } = world();
  const one = signer(KEY).sign(null, REQUEST, INSTANCE).split(';');
  pass(5_000);
  const api = { kind: 'api-key', keyId: 'k', accountId: 'a' } as const;
  const other = signer(OTHER)
    .sign(api, { ...REQUEST, body: '{}' }, INSTANCE)
    .split(';');
  one.forEach((field, at) => {
    // The version is the same in both.
    if (other[at] === field) return;
    const mixed = one.with(at, other[at] ?? '').join(';');
    const verifier = createCallerVerifier([KEY, OTHER], INSTANCE, clock);
    assert.equal(verifier.verify(mixed, REQUEST).kind, 'refused', `field ${at}`);
  });
});
