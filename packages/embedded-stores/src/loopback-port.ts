import { createServer } from "node:net";
import { AppError } from "@tms/records";

/**
 * Finds a free loopback port, or proves that the wanted one is free.
 *
 * Another program may take it before the store does; whoever starts the store tries again then.
 *
 * @param wanted 0 = any.
 * @throws {AppError} `start.port_in_use`.
 */
export async function loopbackPort(wanted: number): Promise<number> {
  const server = createServer();
  try {
    const port = await new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: "127.0.0.1", port: wanted, exclusive: true }, () => {
        const address = server.address();
        if (address === null || typeof address === "string") reject(new Error("A TCP listener has no port."));
        else resolve(address.port);
      });
    });
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "EADDRINUSE" || error.code === "EACCES")) {
      throw new AppError("start.port_in_use", { port: wanted }, { cause: error });
    }
    throw error;
  }
}
