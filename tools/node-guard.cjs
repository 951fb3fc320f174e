/**
 * Checks the version of Node before an npm script runs, and explains how to get the required one.
 *
 * This file is plain JavaScript that Node 12 can parse: without it, an old Node reports a syntax error or an unknown
 * file extension instead of the cause. The required versions are those of `engines` in package.json.
 */
"use strict";

var engines = require("../package.json").engines.node;

/** Whether a version like "22.18.0" matches a range of the forms "^22.18.0" and ">=24.2.0", separated by "||". */
function satisfies(version, range) {
  var found = version.split(".").map(Number);
  return range.split("||").some(function (part) {
    var match = /^\s*(\^|>=)(\d+)\.(\d+)\.(\d+)\s*$/.exec(part);
    if (match === null) throw new Error("tools/node-guard.cjs does not understand the range " + range);
    var least = match.slice(2).map(Number);
    var isEnough =
      found[0] > least[0] ||
      (found[0] === least[0] && (found[1] > least[1] || (found[1] === least[1] && found[2] >= least[2])));
    return isEnough && (match[1] === ">=" || found[0] === least[0]);
  });
}

function explain(version) {
  var get =
    process.platform === "linux" && process.arch === "x64"
      ? "Run `npm ci` in this folder: it installs Node 24 for the npm scripts."
      : "Install Node 24 from https://nodejs.org or with a version manager, for example `nvm install 24`.";
  return "Parley needs Node " + engines.replace("||", "or") + "; this is Node " + version + ".\n" + get + "\n";
}

if (require.main === module && !satisfies(process.versions.node, engines)) {
  process.stderr.write(explain(process.versions.node));
  process.exit(1);
}

module.exports = { satisfies: satisfies, explain: explain };
