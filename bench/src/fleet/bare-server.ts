import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

// The peer: the least that a mutually authenticated HTTPS request can cost in node. It asks for a certificate, reads the
// body and sends it back; a body that asks to wait is answered after that.

const [keyFile = "", certificateFile = ""] = process.argv.slice(2);
const server = createServer(
  {
    key: readFileSync(keyFile),
    cert: readFileSync(certificateFile),
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
  },
  (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.once("end", () => {
      const body = Buffer.concat(parts);
      const { waitSeconds } = JSON.parse(body.toString("utf8")) as { waitSeconds: number };
      const answer = () => response.writeHead(200, { "content-length": body.length }).end(body);
      if (waitSeconds === 0) answer();
      else setTimeout(answer, waitSeconds * 1000);
    });
  },
);
server.keepAliveTimeout = 75_000;
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
