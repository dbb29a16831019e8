// OpenAI's official client for JavaScript, unchanged but for the base URL.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';

import { CITY, City, LONG, call, picture, says, startReal, startScripted, startSeeing, think } from './server.js';

const WORDS = 'Grüße, 世界 🙂\n  two  spaces, "quotes" and \u2028 line ends';
const PARAMETERS = {
  type: 'object',
  properties: { where: { type: 'string' }, how: { type: 'object' } },
  required: ['where'],
};
const LOOK = { type: 'function', function: { name: 'look', description: 'Looks', parameters: PARAMETERS } };
const ARGUMENTS = { where: 'up "there"\n', how: { far: 1.5, tags: ['a', '{b}'], now: true, then: null } };
const user = (content) => [{ role: 'user', content }];
const connect = (server) => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });

describe('scripted', () => {
  let server, client;
  before(async () => {
    server = await startScripted();
    client = connect(server);
  });
  after(() => server.stop());

  const create = (messages, options) =>
    client.chat.completions.create({ model: server.name, messages, ...options });
  const stream = (messages, options) =>
    client.chat.completions.stream({ model: server.name, messages, ...options });

  test('models', async () => {
    assert.deepEqual((await client.models.list()).data.map((model) => model.id), [server.name]);
  });

  test('chat', async () => {
    const [choice] = (await create(user(says(WORDS)))).choices;
    assert.deepEqual([choice.message.content, choice.finish_reason], [WORDS, 'stop']);
  });

  test('streamed chat', async () => {
    const run = stream(user(says(WORDS)), { stream_options: { include_usage: true } });
    let text = '';
    run.on('content', (delta) => (text += delta));
    const completion = await run.finalChatCompletion();
    assert.deepEqual([text, completion.choices[0].message.content], [WORDS, WORDS]);
    assert.deepEqual(completion.usage, (await create(user(says(WORDS)))).usage);
  });

  test('thoughts', async () => {
    const asked = user(says(think('Hm,\nhm.') + 'Done.'));
    const { message } = (await create(asked, { reasoning_effort: 'high' })).choices[0];
    assert.deepEqual([message.reasoning_content, message.content], ['Hm,\nhm.', 'Done.']);
    const run = stream(asked, { reasoning_effort: 'high' });
    let thought = '';
    run.on('chunk', (chunk) => (thought += chunk.choices[0]?.delta.reasoning_content ?? ''));
    assert.deepEqual([(await run.finalMessage()).content, thought], ['Done.', 'Hm,\nhm.']);
  });

  test('tools in a loop, streamed', async () => {
    const messages = user(
      says('I look.' + call('look', ARGUMENTS), call('look', { where: 'a' }) + call('look', { where: 'b' }), 'Blue.'),
    );
    for (const wanted of [[ARGUMENTS], [{ where: 'a' }, { where: 'b' }]]) {
      const run = stream(messages, { tools: [LOOK] });
      let deltas = '';
      run.on('tool_calls.function.arguments.delta', (event) => (deltas += event.arguments_delta));
      const message = await run.finalMessage();
      const calls = message.tool_calls;
      assert.deepEqual(calls.map((made) => JSON.parse(made.function.arguments)), wanted);
      assert.equal(deltas, calls.map((made) => made.function.arguments).join(''));
      messages.push(message, ...calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'blue' })));
    }
    assert.equal((await create(messages, { tools: [LOOK] })).choices[0].message.content, 'Blue.');
  });

  test('tools that the client runs by itself', async () => {
    const looked = [];
    const look = { ...LOOK.function, parse: JSON.parse, function: ({ where }) => looked.push(where) && 'blue' };
    const runner = client.chat.completions.runTools({
      model: server.name,
      stream: true,
      tools: [{ type: 'function', function: look }],
      messages: user(says(call('look', { where: 'a' }) + call('look', { where: 'b' }), 'Blue.')),
    });
    assert.equal(await runner.finalContent(), 'Blue.');
    assert.deepEqual(looked, ['a', 'b']);
  });

  test('responses, streamed, then gone on with', async () => {
    const tool = { type: 'function', name: 'look', description: 'Looks', strict: false, parameters: PARAMETERS };
    const asked = {
      model: server.name,
      tools: [tool],
      reasoning: { effort: 'high' },
      input: says(think('Hm.') + 'I look.' + call('look', ARGUMENTS), think('Ah.') + 'Blue.'),
    };
    const run = client.responses.stream(asked);
    const joined = {};
    for await (const event of run) if ('delta' in event) joined[event.type] = (joined[event.type] ?? '') + event.delta;
    const first = await run.finalResponse();
    assert.deepEqual(first.output.map((item) => item.type), ['reasoning', 'message', 'function_call']);
    assert.equal(first.output_text, 'I look.');
    assert.deepEqual(JSON.parse(first.output[2].arguments), ARGUMENTS);
    assert.deepEqual(joined, {
      'response.reasoning_text.delta': 'Hm.',
      'response.output_text.delta': 'I look.',
      'response.function_call_arguments.delta': first.output[2].arguments,
    });
    const second = await client.responses.create({
      ...asked,
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: first.output[2].call_id, output: 'blue' }],
    });
    assert.deepEqual([second.output[0].content[0].text, second.output_text], ['Ah.', 'Blue.']);
    assert.equal((await client.responses.retrieve(second.id)).output_text, 'Blue.');
  });

  test('objects', async () => {
    const format = zodResponseFormat(City, 'city');
    const asked = { model: server.name, messages: user(says(JSON.stringify(CITY))), response_format: format };
    assert.deepEqual((await client.chat.completions.parse(asked)).choices[0].message.parsed, CITY);
    const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
    assert.deepEqual(streamed.choices[0].message.parsed, CITY);
    const response = {
      model: server.name,
      input: says(think('Which?') + JSON.stringify(CITY)),
      reasoning: { effort: 'low' },
      text: { format: zodTextFormat(City, 'city') },
    };
    assert.deepEqual((await client.responses.parse(response)).output_parsed, CITY);
    assert.deepEqual((await client.responses.stream(response).finalResponse()).output_parsed, CITY);
    const wet = JSON.stringify({ ...CITY, climate: 'wet' });
    const wrong = await create(user(says(wet)), { response_format: format, max_tokens: 400 });
    assert.ok(City.safeParse(JSON.parse(wrong.choices[0].message.content)).success);
  });

  test('a stream that is aborted stops the model', async () => {
    for (const ask of [
      (options) => create(user(LONG), { stream: true, ...options }),
      () => client.responses.create({ model: server.name, input: LONG, stream: true }),
    ]) {
      const run = await ask();
      let seen = 0;
      for await (const _ of run) {
        if (++seen !== 4) continue;
        assert.equal(await server.running(), 1);
        run.controller.abort();
      }
      await server.waitUntilIdle();
    }
    const aborting = new AbortController();
    const whole = client.chat.completions.create(
      { model: server.name, messages: user(LONG) }, { signal: aborting.signal });
    setTimeout(() => aborting.abort(), 200);
    await assert.rejects(whole, OpenAI.APIUserAbortError);
    await server.waitUntilIdle();
  });

  test('errors', async () => {
    for (const [options, param] of [
      [{ temperature: 9 }, 'temperature'],
      [{ messages: [{ role: 'king', content: 'a' }] }, 'messages[0].role'],
      [{ messages: user([{ type: 'image_url', image_url: { url: 'x' } }]) }, 'messages[0].content[0]'],
      [{ tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name'],
    ]) {
      for (const stream of [false, true]) {
        const error = await create(user('a'), { stream, ...options }).catch((thrown) => thrown);
        assert.ok(error instanceof OpenAI.BadRequestError, `${error}`);
        assert.ok(error.param.startsWith(param), error.param);
      }
    }
    await assert.rejects(create(user('a'), { model: 'gpt-4' }), OpenAI.NotFoundError);
  });
});

test('real words', async () => {
  const server = await startReal();
  const client = connect(server);
  const asked = { model: server.name, messages: user('Count: one, two,'), max_tokens: 12, temperature: 0 };
  const whole = await client.chat.completions.create(asked);
  assert.ok(whole.choices[0].message.content);
  let text = '';
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true }))
    text += chunk.choices[0].delta.content ?? '';
  assert.equal(text, whole.choices[0].message.content);
  const completed = await client.completions.create({
    model: server.name, prompt: 'The capital of France is', max_tokens: 8, temperature: 0 });
  assert.match(completed.choices[0].text, /France|Paris/);
  await server.stop();
});

test('images', async () => {
  const server = await startSeeing();
  const client = connect(server);
  const url = `data:image/png;base64,${picture('png_rgb.png')}`;
  const chat = await client.chat.completions.create({
    model: server.name, max_tokens: 4,
    messages: user([{ type: 'text', text: 'What?' }, { type: 'image_url', image_url: { url, detail: 'low' } }]) });
  assert.ok(chat.usage.prompt_tokens_details.image_tokens > 40);
  const response = await client.responses.create({
    model: server.name, max_output_tokens: 4,
    input: user([{ type: 'input_text', text: 'What?' }, { type: 'input_image', image_url: url, detail: 'low' }]) });
  assert.equal(response.usage.input_tokens, chat.usage.prompt_tokens);
  await server.stop();
});
