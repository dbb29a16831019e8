// Anthropic's official client for JavaScript, unchanged but for the base URL.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';

import { CITY, City, LONG, call, picture, says, startReal, startScripted, startSeeing, think } from './server.js';

const LOOK = {
  name: 'look',
  description: 'Looks',
  input_schema: { type: 'object', properties: { where: { type: 'string' }, how: { type: 'object' } } },
};
const ARGUMENTS = { where: 'up "there"\n', how: { far: 1.5, tags: ['a', '{b}'], now: true, then: null } };
const THINKING = { type: 'enabled', budget_tokens: 1024 };
const user = (content) => [{ role: 'user', content }];
const connect = (server) => new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });

describe('scripted', () => {
  let server, client;
  before(async () => {
    server = await startScripted();
    client = connect(server);
  });
  after(() => server.stop());

  const asked = (messages, options) => ({ model: server.name, max_tokens: 4096, messages, ...options });
  const create = (messages, options) => client.messages.create(asked(messages, options));

  test('messages', async () => {
    const answer = await create(user(says('Grüße, 世界 🙂')), { system: 'Be brief.' });
    assert.deepEqual([answer.content[0].text, answer.stop_reason], ['Grüße, 世界 🙂', 'end_turn']);
    const count = await client.messages.countTokens({
      model: server.name, messages: user(says('Grüße, 世界 🙂')), system: 'Be brief.' });
    assert.equal(count.input_tokens, answer.usage.input_tokens);
  });

  test('thinking, text and a call in a stream', async () => {
    const messages = user(says(think('Hm.') + 'I look.' + call('look', ARGUMENTS)));
    const run = client.messages.stream(asked(messages, { tools: [LOOK], thinking: THINKING }));
    let thought = '', text = '', json = '';
    run.on('thinking', (delta) => (thought += delta)).on('text', (delta) => (text += delta));
    run.on('inputJson', (delta) => (json += delta));
    const final = await run.finalMessage();
    assert.deepEqual([thought, text, JSON.parse(json)], ['Hm.', 'I look.', ARGUMENTS]);
    assert.deepEqual(final.content.map((block) => block.type), ['thinking', 'text', 'tool_use']);
    assert.deepEqual(final.content[2].input, ARGUMENTS);
    assert.ok(final.content[0].signature);
    const whole = await create(messages, { tools: [LOOK], thinking: THINKING });
    assert.deepEqual([whole.usage, whole.stop_reason], [final.usage, 'tool_use']);
  });

  test('tools in a loop with thinking', async () => {
    const messages = user(says(
      think('First.') + call('look', { where: 'a' }) + call('look', { where: 'b' }), think('Then.') + 'Blue.'));
    const first = await create(messages, { tools: [LOOK], thinking: THINKING });
    const calls = first.content.filter((block) => block.type === 'tool_use');
    assert.deepEqual(calls.map((made) => made.input.where), ['a', 'b']);
    messages.push({ role: 'assistant', content: first.content }, {
      role: 'user',
      content: calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'blue' })),
    });
    const last = await client.messages.stream(asked(messages, { tools: [LOOK], thinking: THINKING })).finalMessage();
    assert.deepEqual(last.content.map((block) => block.thinking ?? block.text), ['Then.', 'Blue.']);
  });

  test('an object', async () => {
    const answer = await client.messages.parse(
      asked(user(says(JSON.stringify(CITY))), { output_config: { format: zodOutputFormat(City) } }));
    assert.deepEqual(answer.parsed_output, CITY);
  });

  test('a stream that is aborted stops the model', async () => {
    const run = client.messages.stream(asked(user(LONG)));
    let seen = 0;
    await assert.rejects(async () => {
      for await (const _ of run) {
        if (++seen !== 4) continue;
        assert.equal(await server.running(), 1);
        run.abort();
      }
      await run.done();
    }, Anthropic.APIUserAbortError);
    await server.waitUntilIdle();
  });

  test('errors', async () => {
    const error = await create([{ role: 'king', content: 'a' }]).catch((thrown) => thrown);
    assert.ok(error instanceof Anthropic.BadRequestError);
    assert.equal(error.type, 'invalid_request_error');
    assert.match(error.message, /messages\[0\]\.role/);
    await assert.rejects(create(user('a'), { model: 'claude' }), Anthropic.NotFoundError);
  });
});

test('real words', async () => {
  const server = await startReal();
  const client = connect(server);
  const asked = { model: server.name, max_tokens: 12, temperature: 0, messages: user('Count: one, two,') };
  const whole = await client.messages.create(asked);
  assert.ok(whole.content[0].text);
  assert.equal(await client.messages.stream(asked).finalText(), whole.content[0].text);
  await server.stop();
});

test('images', async () => {
  const server = await startSeeing();
  const source = { type: 'base64', media_type: 'image/png', data: picture('png_rgb.png') };
  const messages = user([{ type: 'text', text: 'What?' }, { type: 'image', source }]);
  const client = connect(server);
  const answer = await client.messages.create({ model: server.name, max_tokens: 4, messages });
  const bare = await client.messages.countTokens({ model: server.name, messages: user('What?') });
  assert.ok(answer.usage.input_tokens > bare.input_tokens + 40);
  await server.stop();
});
