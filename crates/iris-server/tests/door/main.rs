//! Tests of the server's door: who may come in, what they may do there, and how the rest is sent away.

mod access;
mod accounts;
mod connections;
mod grpc;
mod inference;
mod kit;
mod limits;
mod openapi;
mod repository;
mod session;
