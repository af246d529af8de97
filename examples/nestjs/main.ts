import 'reflect-metadata';
import type { ServerResponse } from 'node:http';
import { Body, Controller, Get, HttpCode, Injectable, Ip, Module, Post, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

@Injectable()
class WhoService {
  answer(client: string) {
    return { worker: process.env.MULTISERVER_WORKER, pid: process.pid, client };
  }
}

@Controller()
class AppController {
  constructor(private readonly who: WhoService) {}

  @Get('whoami')
  whoami(@Ip() client: string) {
    return this.who.answer(client);
  }

  @Post('echo')
  @HttpCode(200)
  echo(@Body() body: unknown) {
    return body;
  }

  @Get('countdown')
  countdown(@Res() res: ServerResponse) {
    let left = 3;
    res.setHeader('content-type', 'text/plain');
    const timer = setInterval(() => {
      if (left > 0) res.write(`${left--}\n`);
      else res.end('go\n');
    }, 100);
    res.on('close', () => clearInterval(timer));
  }
}

@Module({ controllers: [AppController], providers: [WhoService] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
await app.listen(3000);
