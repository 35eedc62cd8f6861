// The client loads a native addon for polling; responses are streamed without it, over node:http. Here it polls over
// node:http as well (AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1), so the addon is never called and need not be built.
const Module = require("node:module");

const load = Module._load;
Module._load = (request, ...rest) => (request.endsWith("/rapid-client.node") ? {} : load(request, ...rest));
