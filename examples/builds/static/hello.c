#include <stdio.h>
#include <unistd.h>

int main(void) {
  printf("Hello from %s as user %d\n", PLATFORM, (int)getuid());
  return 0;
}
