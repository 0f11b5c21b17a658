/** Whether a host as `URL.hostname` writes it (IPv4 made canonical, IPv6 in brackets) is this machine itself. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
