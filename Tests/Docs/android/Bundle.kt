package android.os

abstract class Bundle
