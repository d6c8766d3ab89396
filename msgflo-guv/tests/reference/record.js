// Records what guv makes of random configurations: node record.js GUV > cases.jsonl
//
// GUV is a checkout of https://github.com/flowhub/guv at 0.3.2, in which `npm install` was run; it
// is not on npm any more. Each line is a configuration: its text, guv's settings for each role, and
// decisions: [role, jobs, workers or null, history, estimate, next or null].
const fs = require('fs');
const path = require('path');

const guv = path.resolve(process.argv[2]);
const load = (name) => require(require.resolve(name, { paths: [guv] }));
const yaml = load('js-yaml');
// What guv's build does.
fs.mkdirSync(path.join(guv, 'schema'), { recursive: true });
for (const name of ['config', 'roleconfig']) {
  const schema = yaml.safeLoad(fs.readFileSync(path.join(guv, `schemata/${name}.yaml`), 'utf8'));
  fs.writeFileSync(path.join(guv, `schema/${name}.json`), JSON.stringify(schema));
}
load('coffee-script/register');
const { parse } = require(path.join(guv, 'src/config'));
const { scaleWithHistory } = require(path.join(guv, 'src/scale'));
for (const name of ['GUV_APP', 'GUV_BROKER', 'CLOUDAMQP_URL', 'STATUSPAGE_ID']) {
  delete process.env[name];
}

// mulberry32
let state = 6;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const time = (most) => Number((random() ** 2 * most + 0.01).toFixed(below(4) + 2));

const maybe = {
  processing: () => pick([time(5), time(60), null]),
  stddev: () => pick([time(10), time(40), 0, null]),
  deadline: () => pick([time(100), time(1000), time(1000), null]),
  boot: () => time(60),
  concurrency: () => pick([1, 2, 3, 10, 10.0, 100]),
  percentile: () => pick([50, 75, 90, 95, 99, 99.9, 99.99, 1 + below(98), time(98)]),
  target: () => pick([0, null, time(100), time(500)]),
  pollinterval: () => time(60),
  history: () => time(600),
  minimum: () => below(4),
  maximum: () => 4 + below(60),
  queue: () => pick(['', null, 'q.IN', 'my queue']),
  app: () => pick(['shop', 'blog']),
  broker: () => pick(['amqp://a.example/x', 'amqp://b.example']),
  dynosize: () => 'perf-m',
  metric: () => 'm1',
  statuspage: () => 's1',
  'p:60': () => null,
  unheard: () => 3,
};
const shorthands = {
  processing: 'p', deadline: 'd', minimum: 'min', maximum: 'max', worker: 'w', queue: 'q',
};
const settings = (likely) => {
  const some = {};
  for (const [name, value] of Object.entries(maybe)) {
    if (random() < likely) some[random() < 0.5 ? shorthands[name] || name : name] = value();
  }
  return some;
};
const write = (config) => {
  if (random() < 0.3) return JSON.stringify(config);
  return yaml.safeDump(config, { flowLevel: pick([-1, 1, 2]) });
};

for (let configs = 0; configs < 250; configs++) {
  const config = {};
  if (random() < 0.6) config['*'] = pick([null, settings(0.15), settings(0.3)]);
  for (const name of ['a', 'resize', 'x-y'].slice(0, 1 + below(3))) {
    config[name] = pick([null, settings(0.1), settings(0.3), settings(0.3)]);
    if (config[name] && random() < 0.2) config[name].worker = `${name}-worker`;
  }
  const text = write(config);
  const roles = parse(text);
  delete roles['*'];
  const decisions = [];
  for (const [name, role] of Object.entries(roles)) {
    role.failing = role.errors.length > 0;
    delete role.errors;
    for (let n = 0; n < 8; n++) {
      const jobs = Math.floor(random() ** 4 * pick([10, 100, 1000, 100000]));
      const workers = pick([null, below(5), below(12), below(70)]);
      const most = pick([3, 10, 60]);
      const history = Array.from({ length: pick([0, 1, 4]) }, () => below(most));
      const { estimate, next } = scaleWithHistory(role, name, history, workers, jobs);
      decisions.push([name, jobs, workers, history, estimate, next]);
    }
  }
  console.log(JSON.stringify({ text, roles, decisions }));
}
