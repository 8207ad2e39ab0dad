//! The program `iris` as people use it: a process, its files, its output and its exit code, before real cameras and
//! real receivers. What a part does by itself is tested beside it; here it is tested that the parts make a whole.

mod accounts;
mod api;
mod broken_cameras;
mod broken_files;
mod broken_store;
mod capacity;
mod client;
mod clients;
mod clips;
mod devices;
mod kit;
mod live;
mod models;
mod offline;
mod overload;
mod process;
mod receiver;
mod recordings;
mod remote;
mod secrets;
mod serve;
mod server;
mod stills;
mod videos;
mod watching;
