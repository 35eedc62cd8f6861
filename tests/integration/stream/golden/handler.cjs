// The Node function whose responses are recorded: it writes what a case of cases.json says.
const cases = require("./cases.json");

exports.handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const wanted = cases.find((one) => one.name === event.case);
  const prelude = { statusCode: wanted.status, headers: wanted.headers };
  if (wanted.cookies.length > 0) prelude.cookies = wanted.cookies;
  const stream = awslambda.HttpResponseStream.from(responseStream, prelude);
  // An empty write sends the prelude; without any write this client sends none.
  if (wanted.chunks.length === 0) stream.write("");
  for (let time = 0; time < wanted.times; time += 1) {
    for (const chunk of wanted.chunks) {
      if (!stream.write(chunk)) await new Promise((resolve) => stream.once("drain", resolve));
    }
  }
  if (wanted.error) {
    const error = new Error(wanted.error.message);
    error.name = `Function.${wanted.error.class}`;
    throw error;
  }
  stream.end();
});
