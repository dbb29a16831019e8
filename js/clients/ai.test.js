// Vercel's AI SDK over its provider for servers that speak as OpenAI's, unchanged but for the base URL.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

import { CITY, City, LONG, call, picture, says, startReal, startScripted, startSeeing, think } from './server.js';

const connect = (server) =>
  createOpenAICompatible({
    name: 'gemma4', baseURL: `${server.url}/v1`, apiKey: 'none', includeUsage: true, supportsStructuredOutputs: true,
  })(server.name);

describe('scripted', () => {
  let server, model;
  before(async () => {
    server = await startScripted();
    model = connect(server);
  });
  after(() => server.stop());

  test('text', async () => {
    const { text, finishReason, usage } = await generateText({ model, prompt: says('Grüße, 世界 🙂') });
    assert.deepEqual([text, finishReason], ['Grüße, 世界 🙂', 'stop']);
    assert.ok(usage.outputTokens > 1);
  });

  test('streamed text', async () => {
    const run = streamText({ model, prompt: says('One, two, three.') });
    const pieces = [];
    for await (const piece of run.textStream) pieces.push(piece);
    assert.equal(pieces.join(''), 'One, two, three.');
    assert.ok(pieces.length > 2);
    assert.ok((await run.usage).outputTokens > 2);
  });

  test('thoughts', async () => {
    const options = { model, prompt: says(think('Hm.') + 'Done.'), providerOptions: { gemma4: { reasoningEffort: 'high' } } };
    const whole = await generateText(options);
    assert.deepEqual([whole.reasoningText, whole.text], ['Hm.', 'Done.']);
    const run = streamText(options);
    assert.deepEqual([await run.reasoningText, await run.text], ['Hm.', 'Done.']);
  });

  test('tools in a loop', async () => {
    for (const start of [generateText, streamText]) {
      const looked = [];
      const look = tool({
        description: 'Looks',
        inputSchema: z.object({ where: z.string(), far: z.number().optional() }),
        execute: ({ where }) => looked.push(where) && `${where} is blue`,
      });
      const run = await start({
        model,
        tools: { look },
        stopWhen: stepCountIs(5),
        prompt: says(
          'I look.' + call('look', { where: 'a' }) + call('look', { where: 'b', far: 2 }),
          call('look', { where: 'c' }), 'Blue.'),
      });
      assert.equal(await run.text, 'Blue.');
      assert.deepEqual(looked, ['a', 'b', 'c']);
      assert.equal((await run.steps).length, 3);
    }
  });

  test('objects', async () => {
    const asked = { model, output: Output.object({ schema: City }), prompt: says(JSON.stringify(CITY)) };
    assert.deepEqual((await generateText(asked)).output, CITY);
    const run = streamText(asked);
    let last;
    for await (const part of run.partialOutputStream) last = part;
    assert.deepEqual([last, await run.output], [CITY, CITY]);
  });

  test('objects of all that zod can say', async () => {
    const Order = z.object({
      id: z.uuid(), mail: z.email(), at: z.iso.datetime(), link: z.url(), host: z.hostname(), count: z.int().positive(),
      prices: z.record(z.string(), z.number()), seats: z.record(z.enum(['front', 'back']), z.int()),
      codes: z.record(z.string().regex(/^[a-z]+$/), z.boolean()), pair: z.tuple([z.string(), z.number()]),
      paid: z.discriminatedUnion('by', [
        z.object({ by: z.literal('card'), digits: z.string().length(4) }), z.object({ by: z.literal('cash') })]),
      never: z.never().optional(), rest: z.json(),
    });
    const order = {
      id: '0e37df36-f698-11e6-8dd4-cb9ced3df976', mail: 'ada@example.org', at: '2026-11-25T01:02:03Z',
      link: 'https://example.org/a', host: 'example.org', count: 2, prices: { 'a "b"': 1.5 }, seats: { front: 1, back: 2 },
      codes: { ok: true }, pair: ['x', 1], paid: { by: 'card', digits: '0123' }, rest: [{ a: null }],
    };
    const asked = { model, output: Output.object({ schema: Order }), prompt: says(JSON.stringify(order)) };
    assert.deepEqual((await generateText(asked)).output, order);
  });

  test('a stream that is aborted stops the model', async () => {
    const aborting = new AbortController();
    const run = streamText({
      model, prompt: LONG, abortSignal: aborting.signal, onError: () => {} });
    let seen = 0;
    for await (const _ of run.textStream) {
      if (++seen !== 4) continue;
      assert.equal(await server.running(), 1);
      aborting.abort();
    }
    await server.waitUntilIdle();
  });

  test('errors', async () => {
    const error = await generateText({ model, prompt: 'a', temperature: 9, maxRetries: 0 }).catch((thrown) => thrown);
    assert.ok(APICallError.isInstance(error), `${error}`);
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /temperature/);
  });
});

test('real words', async () => {
  const server = await startReal();
  const options = { model: connect(server), prompt: 'Count: one, two,', maxOutputTokens: 12, temperature: 0 };
  const { text } = await generateText(options);
  assert.ok(text);
  assert.equal(await streamText(options).text, text);
  await server.stop();
});

test('images', async () => {
  const server = await startSeeing();
  const ask = (...parts) =>
    generateText({
      model: connect(server), maxOutputTokens: 4,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What?' }, ...parts] }] });
  const seen = await ask({ type: 'image', image: `data:image/png;base64,${picture('png_rgb.png')}` });
  assert.ok(seen.usage.inputTokens > (await ask()).usage.inputTokens + 40);
  await server.stop();
});
