// gemma4 servers for tests, each on a free port, and what the scripted one is to say.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const PROGRAM = process.env.GEMMA4;

class Server {
  // Resolves when it serves: it says "NAME is served at http://127.0.0.1:PORT".
  static async start(program, ...args) {
    const server = new Server();
    server.process = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    server.ended = new Promise((resolve) => server.process.once('exit', resolve));
    for await (const line of createInterface({ input: server.process.stdout })) {
      [server.name, server.url] = line.split(' is served at ');
      return server;
    }
    throw new Error(`${program} serves nothing`);
  }

  async stop() {
    this.process.kill('SIGTERM');
    assert.equal(await this.ended, 0);
  }

  async running() {
    return (await (await fetch(`${this.url}/ready`)).json()).running;
  }

  async waitUntilIdle() {
    const deadline = Date.now() + 5000;
    while ((await this.running()) > 0) {
      assert.ok(Date.now() < deadline, 'the generation goes on for nobody');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const serve = (model, ...flags) => Server.start(PROGRAM, 'serve', model, '--port', '0', '--quiet', ...flags);

// Says what its user tells it to (see says()).
export const startScripted = () => Server.start(path.join(path.dirname(PROGRAM), 'scripted_server'));
// Gemma 3 270M: real words.
export const startReal = () =>
  serve(path.join(process.env.G4_TEST_MODELS, 'gemma3-270m.gguf'), '--chat-template', 'gemma3');
// Random weights with a vision tower.
export const startSeeing = () =>
  serve(path.join(ROOT, 'tests/golden/models/gemma4-vision'), '--chat-template', 'gemma4');

export const picture = (name) => readFileSync(path.join(ROOT, 'tests/golden/decode', name)).toString('base64');

// A user's text: the answer to it, then those to the results of each round of calls.
export const says = (...answers) => 'Well?' + answers.map((answer) => `«${answer}»`).join('');
// An answer of some thousand tokens that does not repeat itself.
export const LONG = says(Array.from({ length: 900 }, (_, i) => i).join(' '));
export const think = (thought) => `⟨|channel⟩thought\n${thought}\n⟨channel|⟩`;
export const call = (name, args) => `⟨|tool_call⟩call:${name}${spell(args)}⟨tool_call|⟩`;

function spell(value) {
  if (typeof value === 'string') return `⟨|"|⟩${value}⟨|"|⟩`;
  if (Array.isArray(value)) return `[${value.map(spell)}]`;
  if (value === null || typeof value !== 'object') return String(value);
  return `{${Object.entries(value).sort().map(([key, item]) => `${key}:${spell(item)}`)}}`;
}

export const City = z.object({
  name: z.string(),
  people: z.number().int(),
  rivers: z.array(z.string()),
  climate: z.enum(['mild', 'harsh']),
});
export const CITY = { name: 'Turin', people: 850000, rivers: ['Po', 'Dora "Riparia"'], climate: 'mild' };
